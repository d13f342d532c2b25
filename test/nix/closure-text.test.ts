import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeClosure, NixError, parseClosureText, type ListedPath } from "@stowage/nix";

const libc = "/nix/store/0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c-glibc-2.38";
const app = "/nix/store/1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d-app-1.0";
const deriver = "/nix/store/2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f-app-1.0.drv";
const hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const sri = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
const nix32 = "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";

const nar = (size: number): ListedPath["nar"] => ({ hash: sri as never, size });
const expected = [
  { path: libc, references: [libc], nar: nar(300) },
  { path: app, references: [libc, app].toSorted(), deriver, nar: nar(20) },
];

const entry = (narHash: string, path: string) =>
  path === libc
    ? { path, narHash, narSize: 300, references: [libc], deriver: null, registrationTime: 1 }
    : { path, narHash, narSize: 20, references: [app, libc], deriver, signatures: ["a:b"] };
const base = (path: string): string => path.slice("/nix/store/".length);
const fields = (whole: ReturnType<typeof entry>) =>
  Object.fromEntries(Object.entries(whole).filter(([key]) => key !== "path"));

/** With base names, and signatures as the version has them. */
function versioned(version: number, signatures: unknown): unknown {
  const common = { version, storeDir: "/nix/store", ca: null, signatures };
  const info = {
    [base(libc)]: { ...fields(entry(sri, libc)), ...common, references: [base(libc)] },
    [base(app)]: {
      ...fields(entry(sri, app)),
      ...common,
      references: [base(app), base(libc)],
      deriver: base(deriver),
    },
  };
  return { version, storeDir: "/nix/store", info };
}

const shapes: Record<string, unknown> = {
  "array (Nix to 2.18)": [entry(nix32, libc), entry(sri, app)],
  "keyed by path (Nix 2.19 to 2.32)": { [libc]: fields(entry(sri, libc)), [app]: fields(entry(sri, app)) },
  "keyed by path (Nix 2.33 and later, format 1)": {
    [libc]: { ...fields(entry(sri, libc)), ca: null, storeDir: "/nix/store", version: 1 },
    [app]: { ...fields(entry(sri, app)), ca: null, storeDir: "/nix/store", version: 1 },
  },
  "versioned (Nix 2.33 and later, format 2)": versioned(2, ["cache-1:AAAA"]),
  "versioned (Nix 2.36, format 3)": versioned(3, [{ keyName: "cache-1", sig: "AAAA" }]),
  "structured attributes": {
    builder: "/bin/sh",
    outputs: { out: app },
    exportReferencesGraph: { closure: [app] },
    closure: [entry(nix32, libc), { ...entry(nix32, app), closureSize: 320, valid: true }],
  },
};

const registration = [libc, hex, "300", "", "1", libc, app, hex, "20", deriver, "2", app, libc, ""].join(
  "\n",
);

describe("every form that Nix prints, found out by looking", () => {
  test.each(Object.entries(shapes))("JSON: %s", (_, document) => {
    for (const text of [JSON.stringify(document), `\n${JSON.stringify(document, null, 2)}\n`]) {
      expect(parseClosureText(text)).toMatchObject({ storeDir: "/nix/store", paths: expected });
    }
  });

  test("structured attributes name the roots, as paths or places inside them, one or a list for each graph", () => {
    const attributes = shapes["structured attributes"] as Record<string, unknown>;
    const rootsOf = (asked: unknown): unknown =>
      parseClosureText(JSON.stringify({ ...attributes, exportReferencesGraph: asked })).roots;
    expect(rootsOf({ closure: [app] })).toEqual([app]);
    expect(rootsOf({ closure: app })).toEqual([app]);
    expect(rootsOf({ closure: [libc, `${app}/bin/app`], other: [app] })).toEqual([libc, app]);
    expect(parseClosureText(JSON.stringify(attributes["closure"])).roots).toBeUndefined();
    expect(() => rootsOf({ closure: ["nothing"] })).toThrow(/exportReferencesGraph is not a store path/);
    expect(() => rootsOf({ closure: [1] })).toThrow(/exportReferencesGraph is not a string/);
  });

  test("registration text with hashes and sizes", () => {
    expect(parseClosureText(registration)).toEqual({ storeDir: "/nix/store", paths: expected });
  });

  test("registration text without them: what they are stays open", () => {
    const text = [libc, "", "1", libc, app, deriver, "2", app, libc, ""].join("\n");
    expect(parseClosureText(text).paths).toEqual(expected.map((listed) => ({ ...listed, nar: undefined })));
  });

  test("another store directory is taken from the paths", () => {
    const text = registration.replaceAll("/nix/store", "/opt/my store");
    expect(parseClosureText(text).storeDir).toBe("/opt/my store");
  });

  test("a path listed twice with different contents is an error that names it; the same twice is one", () => {
    const paths = expected.map(({ nar: contents, ...info }) => ({ ...info, ...contents! }));
    const infos = paths.map(({ hash, size, ...info }) => ({ ...info, narHash: hash, narSize: size }));
    expect(makeClosure("/nix/store", [], [...infos, ...infos] as never).paths).toHaveLength(2);
    for (const other of [{ narSize: 301 }, { references: [] }, { narHash: "sha256-other" }]) {
      expect(() => makeClosure("/nix/store", [], [...infos, { ...infos[0], ...other }] as never)).toThrow(
        `${libc} is listed twice`,
      );
    }
  });

  test("a reference named twice counts once", () => {
    const twice = registration.replace(`2\n${app}\n${libc}\n`, `4\n${app}\n${libc}\n${libc}\n${app}\n`);
    expect(parseClosureText(twice).paths).toEqual(expected);
  });
});

const failure = (text: string): NixError => {
  try {
    parseClosureText(text);
  } catch (error) {
    if (error instanceof NixError) return error;
    throw error;
  }
  throw new Error("no error");
};

describe("texts that are wrong say where", () => {
  const array = JSON.stringify([entry(sri, libc)], null, 2);
  test.each([
    ["", /is empty/],
    ["hello", /starts like no closure/],
    ['{"a": x}', /line 1, column 7/],
    [array.slice(0, 60), /ends too early at line \d+, column \d+/],
    [`${array}]`, /line \d+, column 2$/],
    [array.replace('"narSize": 300', '"narSize": 300,,'), /line 5, column 20$/],
    ["[".repeat(100_000), /ends too early/],
    ["[]", /no store path/],
    ["{}", /no form that Nix gives/],
    ['{"a": 1}', /no form that Nix gives/],
    ["[1]", /\[0\]\.path is not a string/],
    ["[null]", /\[0\]\.path is not a string/],
    [array.replace("300", '"300"'), /\[0\]\.narSize is not a number of bytes/],
    [array.replace("300", "-1"), /\[0\]\.narSize/],
    [array.replace("300", "1e300"), /\[0\]\.narSize/],
    [array.replace(sri, "md5:0"), /\[0\]\.narHash/],
    [array.replace(JSON.stringify(sri), '{"algorithm": "sha256"}'), /\[0\]\.narHash/],
    [JSON.stringify([{ ...entry(sri, libc), references: ["../../etc/passwd"] }]), /\[0\]\.references\[0\]/],
    [JSON.stringify([{ ...entry(sri, libc), references: "x" }]), /\[0\]\.references is not an array/],
    [JSON.stringify({ [libc]: null }), /is not valid/],
    [JSON.stringify([{ ...entry(sri, libc), valid: false }]), /is not valid/],
    [JSON.stringify({ version: 4, storeDir: "/nix/store", info: {} }), /\.version is 4/],
    [JSON.stringify({ version: 2, info: {} }), /\.storeDir/],
    [JSON.stringify({ "/etc/passwd": {} }), /not a store path/],
    ["/etc/passwd\n", /not a store path/],
    [registration.replace("300", "many"), /line 3: a NAR size is expected/],
    [registration.replace(`1\n${libc}`, `999999999999999\n${libc}`), /line 8: a reference is expected/],
    [registration.slice(0, -60), /line 13: a reference is expected/],
  ])("%#", (text, message) => {
    const error = failure(text);
    expect(error.message).toMatch(message);
    expect(error.hint).toBeDefined();
  });

  test("whatever the text, the answer is a closure or a NixError", () => {
    const texts = [...Object.values(shapes).map((shape) => JSON.stringify(shape)), registration];
    const damaged = fc
      .tuple(fc.constantFrom(...texts), fc.nat(2000), fc.nat(20), fc.string({ unit: "binary", maxLength: 6 }))
      .map(([text, at, length, put]) => {
        const start = at % text.length;
        return text.slice(0, start) + put + text.slice(start + length);
      });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.json(), fc.string({ unit: "binary" })), (text) => {
        try {
          parseClosureText(text);
        } catch (error) {
          expect(error).toBeInstanceOf(NixError);
          expect((error as NixError).message.length).toBeLessThan(1000);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test("where JSON stops is where JSON.parse stops, for whatever damage", () => {
    const [text] = Object.values(shapes).map((shape) => JSON.stringify(shape, null, 1)) as [string];
    for (let at = 1; at < text.length; at++) {
      const damaged = `${text.slice(0, at)}\u0001${text.slice(at + 1)}`;
      const before = damaged.slice(0, at).split("\n");
      const { message } = failure(damaged);
      const [, line, column] = /line (\d+), column (\d+)$/.exec(message)!.map(Number) as [
        number,
        number,
        number,
      ];
      expect(line).toBe(before.length);
      // A word such as null is one token: where it starts is named.
      const word = /[a-z0-9.-]*$/i.exec(before.at(-1) as string)![0].length;
      expect([0, word]).toContain((before.at(-1) as string).length + 1 - column);
    }
  });
});
