import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  closeSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { analyze, findReferences, loadClosure, type Analysis } from "@stowage/core";
import {
  measureTree,
  narHashToHex,
  openStore,
  readTree,
  storePathHashPart,
  type StorePath,
} from "@stowage/nix";
import { alone, requireAlone } from "../support/alone.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { validate } from "../support/schema.ts";
import { makeSmallClosure } from "../support/small-closure.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { buildFlake, buildWorld, closureOf, type Built } from "../support/world.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store", "nix-build");

const nix = (program: string, ...words: string[]): string =>
  execFileSync(program, words, {
    env: nixEnvironment,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "pipe"],
  });

describe.skipIf(!ready)("Fortune Cat's closure", () => {
  let fortuneCat: Built;
  let path: StorePath;
  let asked: Analysis;
  beforeAll(async () => {
    fortuneCat = buildFlake("fortune-cat");
    path = realpathSync(fortuneCat.link) as StorePath;
    asked = await analyze({ targets: [fortuneCat.link], environment: nixEnvironment });
  });
  afterAll(() => fortuneCat[Symbol.dispose]());

  /** What a derivation finds beside it when it asks for the references graph of the path. */
  const exported = (form: "text" | "structured"): string => {
    const target = `(builtins.storePath ${path})`;
    const common = `name = "closure-${form}"; system = builtins.currentSystem; builder = "/bin/sh";`;
    const expression =
      form === "text"
        ? `derivation { ${common} exportReferencesGraph = [ "graph" ${target} ]; args = [ "-c" "/bin/cp graph $out" ]; }`
        : `derivation { ${common} __structuredAttrs = true; exportReferencesGraph.graph = [ ${target} ]; args = [ "-c" "/bin/sed -n p .attrs.json > $(/bin/sed -n 's/.*\\"out\\":\\"\\\\([^\\"]*\\\\)\\".*/\\\\1/p' .attrs.json)" ]; }`;
    return execFileSync(
      "cat",
      [nix("nix-build", "--no-out-link", "-E", expression).trim().split("\n").at(-1) as string],
      {
        encoding: "utf8",
      },
    );
  };

  /** Everything but what only a store with derivers knows. */
  const withoutOutputs = ({ paths, ...rest }: Analysis): unknown => ({
    ...rest,
    paths: paths.map((each) => ({ ...each, name: "", version: "", output: "" })),
  });

  const forms: Record<string, () => string> = {
    "nix path-info --json": () => nix("nix", "path-info", "--json", "--recursive", path),
    "nix-store --dump-db": () => nix("nix-store", "--dump-db", ...closureOf(path)),
    "exportReferencesGraph, text: sizes measured from the files": () => exported("text"),
    "exportReferencesGraph, structured": () => exported("structured"),
  };

  test.each(Object.entries(forms))("from %s: the same answer as from the store", async (_, print) => {
    const answer = await analyze({ targets: [], text: print(), environment: nixEnvironment });
    expect(withoutOutputs(answer)).toEqual(withoutOutputs(asked));
  });

  test("from nix-store alone, with no nix on PATH: the same", async () => {
    const bin = temporaryFolder();
    const program = execFileSync("sh", ["-c", "command -v nix-store"], { encoding: "utf8" }).trim();
    writeFileSync(join(bin, "nix-store"), `#!/bin/sh\nexec ${program} "$@"\n`, { mode: 0o755 });
    const environment = { ...nixEnvironment, PATH: bin };
    expect(await analyze({ targets: [fortuneCat.link], environment })).toEqual(asked);
  });

  test("closure sizes are those of nix path-info -S", () => {
    const said = nix("nix", "path-info", "--recursive", "--closure-size", path)
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/) as [string, string]);
    expect(Object.fromEntries(asked.paths.map((each) => [each.path, each.closureSize]))).toEqual(
      Object.fromEntries(said.map(([each, size]) => [each, Number(size)])),
    );
  });

  test("each reference that Nix registered is found in the files, where it is said to be", async () => {
    const { graph, locate } = await loadClosure({ targets: [path], environment: nixEnvironment });
    let checked = 0;
    for (const info of graph.infos) {
      const location = locate(info.path)!;
      for (const { to, count, occurrences } of await findReferences(info.path, info.references, location, {
        limit: 10,
      })) {
        expect(count, `${info.path} -> ${to}`).toBeGreaterThan(0);
        for (const { file, offset, kind } of occurrences) {
          if (kind === "file-name") continue;
          const place = join(location.directory, file);
          const found = kind === "symlink-target" ? readlinkSync(place).slice(offset) : readAt(place, offset);
          expect(found.slice(0, 32)).toBe(storePathHashPart(to));
          checked++;
        }
      }
    }
    expect(checked).toBeGreaterThan(100);
  });

  test("a program's interpreter and search path are told apart", async () => {
    const { stdout } = await stowage(["why", fortuneCat.link, "libc6", "--all", "--precise", "--json"]);
    const { references } = validate("why", stdout) as never as {
      references: { occurrences: { kind: string }[] }[];
    };
    const kinds = new Set(references.flatMap(({ occurrences }) => occurrences.map(({ kind }) => kind)));
    expect([...kinds]).toEqual(expect.arrayContaining(["interpreter", "runpath", "shebang", "text"]));
  });

  test("nix why-depends and why agree on what is a dependency", async () => {
    const dependency = asked.paths.find(({ name }) => name === "zlib1g");
    expect(nix("nix", "why-depends", path, dependency!.path)).toContain("zlib1g");
    expect((await stowage(["why", path, dependency!.path])).exitCode).toBe(0);
    expect((await stowage(["why", dependency!.path, path])).exitCode).toBe(1);
  });

  test("diff takes a target that is a single file, and a text that lies in the store", async () => {
    using file = buildWorld("tests.single-file");
    const text = nix("nix-store", "--add", writeText(temporaryFolder(), exported("structured"))).trim();
    const { stdout, stderr } = await stowage(["diff", file.link, text, "--json"]);
    expect(stderr).toBe("");
    const { totals } = JSON.parse(stdout) as { totals: { before: unknown; after: unknown } };
    expect(totals.before).toMatchObject({ paths: closureOf(file.link).length });
    expect(totals.after).toMatchObject({ paths: asked.totals.paths, narSize: asked.totals.narSize });
  });

  test("check measures the image that pack would make", async () => {
    const folder = temporaryFolder();
    const budget = join(folder, "budget.jsonc");
    writeFileSync(budget, '{ "layers": 125, "imageSize": "1 GiB", "largestPath": 1 }');
    const checked = await stowage(["check", fortuneCat.link, "--budget", budget, "--json"]);
    const packed = await stowage(["pack", fortuneCat.link, "--dry-run", "--json"]);
    const { layers } = JSON.parse(packed.stdout) as { layers: { size: number }[] };
    expect(checked.exitCode).toBe(1);
    expect(JSON.parse(checked.stdout)).toMatchObject({
      measured: { layers: layers.length, imageSize: layers.reduce((sum, { size }) => sum + size, 0) },
      failures: [{ rule: "largestPath", chains: [[path, expect.stringContaining("nodejs")]] }],
    });
  });

  test("check measures an image for the platform that is given, where nothing in the closure says one", async () => {
    using small = makeSmallClosure();
    const budget = join(temporaryFolder(), "budget.json");
    writeFileSync(budget, '{ "imageSize": "1 GiB" }');
    const words = ["check", "--store", small.url, ...small.paths, "--budget", budget];
    expect((await stowage(words)).stderr).toContain("Say it with --platform");
    expect(await stowage([...words, "--platform", "linux/amd64"])).toMatchObject({ exitCode: 0, stderr: "" });
  });

  describe("roots of a store", () => {
    test.skipIf(!requireAlone())("free what a collection frees, to the byte", async () => {
      const root = temporaryFolder();
      const paths = asked.paths.map((each) => each.path);
      nix("nix", "copy", "--no-check-sigs", "--to", root, path);
      const link = (name: string, target: string): void => {
        mkdirSync(join(root, "nix/var/nix/gcroots"), { recursive: true });
        symlinkSync(target, join(root, "nix/var/nix/gcroots", name));
      };
      const curl = paths.find((each) => basename(each).slice(33).startsWith("curl-"))!;
      const openssl = paths.find((each) => basename(each).slice(33).startsWith("libssl3-"))!;
      link("app", path);
      link("curl", curl);
      link("libssl", openssl);
      const { stdout } = await stowage(["roots", "--store", root, "--json"], { before: alone });
      const answer = validate("roots", stdout) as never as {
        roots: { path: string; links: string[]; frees: number; freesPaths: number; heldBy: string[] }[];
        total: number;
        shared: number;
      };
      const share = (of: string) => answer.roots.find((each) => each.path === of)!;
      expect(share(curl)).toMatchObject({ frees: 0, heldBy: [path] });
      expect(share(openssl)).toMatchObject({ frees: 0, heldBy: [path, curl].toSorted() });
      expect(share(path).links[0]).toMatch(/gcroots\/app$/);

      execFileSync("rm", [join(root, "nix/var/nix/gcroots/app")]);
      const [program = "", ...words] = alone;
      nix(program, ...words, "nix-store", "--store", root, "--gc");
      const sizes = new Map(asked.paths.map((each) => [each.path as string, each.narSize]));
      const gone = paths.filter(
        (each) => lstatSync(join(root, each), { throwIfNoEntry: false }) === undefined,
      );
      expect(share(path).freesPaths).toBe(gone.length);
      expect(share(path).frees).toBe(gone.reduce((sum, each) => sum + sizes.get(each)!, 0));
      expect(answer.total - answer.shared).toBe(share(path).frees);
    });

    test.each([
      ["derivations kept, as Nix does by default", true, false],
      ["nothing kept but what is referred to", false, false],
      ["derivations and their outputs kept", true, true],
      ["outputs kept of derivations that are alive", false, true],
    ])("free what a collection frees: %s", async (_, keepDerivations, keepOutputs) => {
      const root = temporaryFolder();
      const settings = `keep-derivations = ${keepDerivations}\nkeep-outputs = ${keepOutputs}\n`;
      const env = { ...nixEnvironment, NIX_CONFIG: `${nixEnvironment["NIX_CONFIG"]}\n${settings}` };
      const ask = (program: string, ...words: string[]): string =>
        execFileSync(program, words, { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
      const source = writeText(temporaryFolder(), "a source");
      const expression = `derivation { name = "thing-1"; system = builtins.currentSystem; builder = "/bin/sh"; outputs = [ "out" "dev" ]; source = ${source}; }`;
      const derivation = ask("nix-instantiate", "--store", root, "-E", expression).split("!")[0]!;
      const outputs = ask("nix-store", "--store", root, "--query", "--outputs", derivation).split("\n");
      const registration = outputs.map((output) => {
        mkdirSync(join(root, output));
        writeFileSync(join(root, output, "file"), output);
        const { hash, size } = measureTree(readTree({ directory: join(root, output) }));
        return `${[output, narHashToHex(hash), size, derivation, 0].join("\n")}\n`;
      });
      execFileSync("nix-store", ["--store", root, "--load-db"], {
        env,
        input: registration.join(""),
        stdio: ["pipe", "ignore", "ignore"],
      });
      const out = outputs.find((each) => each.endsWith("-thing-1"))!;
      mkdirSync(join(root, "nix/var/nix/gcroots"), { recursive: true });
      symlinkSync(out, join(root, "nix/var/nix/gcroots/thing"));
      symlinkSync(source, join(root, "nix/var/nix/gcroots/other"));
      const all = ask("nix-store", "--store", root, "--dump-db").match(/^\/nix\/store\/.*$/gm)!;
      const isThere = (each: string): boolean =>
        lstatSync(join(root, each), { throwIfNoEntry: false }) !== undefined;
      // What nothing holds goes first, so that what goes next was held by the root.
      ask("nix-store", "--store", root, "--gc");
      const before = [...new Set(all)].filter(isThere);

      const said = await stowage(["roots", "--store", root, "--json"], { env });
      const answer = validate("roots", said.stdout) as never as {
        roots: { path: string; freesPaths: number }[];
        settings: unknown;
      };
      expect(answer.settings).toEqual({ keepDerivations, keepOutputs });
      execFileSync("rm", [join(root, "nix/var/nix/gcroots/thing")]);
      ask("nix-store", "--store", root, "--gc");
      const gone = before.filter((each) => !isThere(each));
      expect(gone).toContain(out);
      expect(gone).toHaveLength(keepDerivations ? (keepOutputs ? 4 : 3) : 1);
      expect(answer.roots.find((each) => each.path === out)).toMatchObject({ freesPaths: gone.length });
    });

    test("a store without roots", async () => {
      const root = temporaryFolder();
      const { stdout, exitCode } = await stowage(["roots", "--store", root]);
      expect({ stdout, exitCode }).toEqual({
        stdout: "the store has no garbage collector roots",
        exitCode: 0,
      });
    });
  });

  test("a local store's size on disk is what du says", async () => {
    const { totals } = await analyze({ targets: [path], onDisk: true, environment: nixEnvironment });
    const store = openStore({ environment: nixEnvironment });
    const folders = asked.paths.map((each) => store.locateTree(each.path)?.directory as string);
    const said = execFileSync("du", ["--block-size=1", "--summarize", "--total", ...folders], {
      encoding: "utf8",
    });
    const { stdout } = await stowage(["ls", path, "--on-disk", "--json"]);
    expect(validate("ls", stdout)).toMatchObject({ totals: { onDiskSize: totals.onDiskSize } });
    expect(totals.onDiskSize).toBe(Number(said.trim().split("\n").at(-1)?.split("\t")[0]));
  });
});

function writeText(folder: string, text: string): string {
  const file = join(folder, "closure.json");
  writeFileSync(file, text);
  return file;
}

function readAt(file: string, offset: number): string {
  const bytes = Buffer.alloc(32);
  const descriptor = openSync(file, "r");
  try {
    readSync(descriptor, bytes, 0, 32, offset);
  } finally {
    closeSync(descriptor);
  }
  return bytes.toString("latin1");
}
