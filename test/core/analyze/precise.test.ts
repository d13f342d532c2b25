import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { escapeBytes, findReferences } from "@stowage/core";
import { storePathHashPart, type TreeFile } from "@stowage/nix";
import { inspectKinds } from "../../../packages/core/src/analyze/reference-kind.ts";
import { Breather } from "../../../packages/core/src/breather.ts";
import { storePathOf } from "../../support/graphs.ts";
import { requirePrograms } from "../../support/programs.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const from = storePathOf("app-1");
const libc = storePathOf("libc-2");
const shell = storePathOf("shell-3");
const hash = storePathHashPart(libc);

describe("where a path names another", () => {
  test("text, shebang, symlink target, file name, embedded string; in NAR order", async () => {
    const directory = temporaryFolder();
    mkdirSync(join(directory, "bin"));
    writeFileSync(join(directory, "bin/run"), `#!${shell}/bin/sh -e\nexec ${libc}/bin/x\n# ${shell}\n`);
    writeFileSync(
      join(directory, "data"),
      Buffer.concat([Buffer.from([0, 1, 2, 0]), Buffer.from(`${libc}/share\0tail`)]),
    );
    writeFileSync(join(directory, `kept-${hash}`), "nothing");
    symlinkSync(`${libc}/lib`, join(directory, "lib"));
    const [toLibc, toShell] = await findReferences(from, [libc, shell], { directory });
    expect(toShell).toEqual({
      from,
      to: shell,
      count: 2,
      occurrences: [
        { file: "bin/run", offset: "#!/nix/store/".length, kind: "shebang", excerpt: `#!${shell}/bin/sh -e` },
        { file: "bin/run", offset: expect.any(Number), kind: "text", excerpt: `# ${shell}` },
      ],
    });
    expect(toLibc?.occurrences).toEqual([
      { file: "bin/run", offset: expect.any(Number), kind: "text", excerpt: `exec ${libc}/bin/x` },
      { file: "data", offset: 4 + "/nix/store/".length, kind: "embedded-string", excerpt: `${libc}/share` },
      { file: `kept-${hash}`, offset: 5, kind: "file-name", excerpt: `kept-${hash}` },
      { file: "lib", offset: "/nix/store/".length, kind: "symlink-target", excerpt: `${libc}/lib` },
    ]);
    const run = readFileSync(join(directory, "bin/run"));
    for (const { file, offset } of toShell?.occurrences ?? []) {
      expect(file).toBe("bin/run");
      expect(run.toString("latin1", offset, offset + 32)).toBe(storePathHashPart(shell));
    }
  });

  test("a path that is a single file or symlink has no file name", async () => {
    const directory = join(temporaryFolder(), "link");
    symlinkSync(libc, directory);
    expect((await findReferences(from, [libc], { directory }))[0]?.occurrences).toEqual([
      { file: "", offset: 11, kind: "symlink-target", excerpt: libc },
    ]);
  });

  test("no more are listed than asked for; all are counted", async () => {
    const directory = join(temporaryFolder(), "file");
    writeFileSync(directory, `${libc}\n`.repeat(500));
    const [reference] = await findReferences(from, [libc], { directory }, { limit: 3 });
    expect(reference?.count).toBe(500);
    expect(reference?.occurrences.map(({ offset }) => offset)).toEqual([
      11,
      11 + libc.length + 1,
      11 + 2 * (libc.length + 1),
    ]);
  });

  test("bytes that are no text are escaped, and nothing of them is lost", async () => {
    const folder = temporaryFolder();
    execFileSync("sh", ["-c", `printf '%s' '${libc}' > "$(printf 'a\\377\\033[31m\\\\b')"`], { cwd: folder });
    expect((await findReferences(from, [libc], { directory: folder }))[0]?.occurrences[0]?.file).toBe(
      String.raw`a\xff\x1b[31m\\b`,
    );
  });

  test("aborting ends the search", async () => {
    const directory = temporaryFolder();
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(findReferences(from, [libc], { directory }, { signal })).rejects.toThrow("enough");
  });

  test("a timer can abort it in the middle", async () => {
    const directory = temporaryFolder();
    // 64 GiB of holes: seconds of work on any machine, and nothing on the disk.
    for (let index = 0; index < 64; index++) {
      writeFileSync(join(directory, `f${index}`), "");
      truncateSync(join(directory, `f${index}`), 2 ** 30);
    }
    const signal = AbortSignal.timeout(20);
    await expect(findReferences(from, [libc], { directory }, { signal })).rejects.toThrow(/timeout/);
  });

  test("a timer can abort it in the middle of a file that nobody waits for", async () => {
    const directory = join(temporaryFolder(), "huge");
    writeFileSync(directory, "");
    truncateSync(directory, 2 ** 42);
    const signal = AbortSignal.timeout(20);
    await expect(findReferences(from, [libc], { directory }, { signal })).rejects.toThrow(/timeout/);
  });

  test("a timer can abort the second look at such a file", async () => {
    const head = Buffer.alloc(4096);
    head.write("\u007fELF\u0002\u0001", "latin1");
    head.writeBigUInt64LE(64n, 32);
    head.writeUInt16LE(56, 54);
    head.writeUInt16LE(1, 56);
    // The dynamic section, far behind everything.
    head.writeUInt32LE(2, 64);
    head.writeBigUInt64LE(2n ** 50n, 64 + 8);
    head.writeBigUInt64LE(256n, 64 + 32);
    const file: TreeFile = {
      type: "file",
      path: Buffer.from("huge"),
      executable: true,
      size: 2 ** 51,
      *chunks() {
        yield head;
        for (;;) yield Buffer.alloc(1 << 20);
      },
    };
    const breather = new Breather(AbortSignal.timeout(20));
    await expect(inspectKinds(file, breather)).rejects.toThrow(/timeout/);
  });

  test("a file of many chunks: what lies across a border is found, once, with its surroundings", async () => {
    const directory = join(temporaryFolder(), "large");
    const chunk = 1 << 20;
    // Every way that a hash can lie across the first border, and across the end.
    for (let before = 0; before <= 33; before++) {
      const at = chunk - before;
      const bytes = Buffer.alloc(2 * chunk + 17, 0x2e);
      bytes.write(hash, at, "latin1");
      bytes.write(hash, bytes.length - 32, "latin1");
      writeFileSync(directory, bytes);
      const [reference] = await findReferences(from, [libc], { directory });
      expect(reference?.occurrences.map(({ offset }) => offset)).toEqual([at, bytes.length - 32]);
      expect(reference?.occurrences[0]?.excerpt).toBe(`${".".repeat(64)}${hash}${".".repeat(64)}`);
      expect(reference?.occurrences[1]?.excerpt).toBe(`${".".repeat(64)}${hash}`);
    }
  });
});

describe("escaping", () => {
  const escapes = new Map([
    [String.raw`\n`, "\n"],
    [String.raw`\r`, "\r"],
    [String.raw`\t`, "\t"],
    [String.raw`\\`, "\\"],
  ]);
  test("is printable and can be undone", () => {
    const unescape = (text: string): Buffer =>
      Buffer.concat(
        (text.match(/\\x[0-9a-f]{2}|\\[nrt\\]|[^\\]+/g) ?? []).map((part) =>
          part.startsWith("\\x") ? Buffer.from(part.slice(2), "hex") : Buffer.from(escapes.get(part) ?? part),
        ),
      );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
      fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, (given) => {
        const text = escapeBytes(given);
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(unescape(text)).toEqual(given);
      }),
      { numRuns: 5000 },
    );
  });

  test("keeps what can be read", () => {
    expect(escapeBytes(Buffer.from("Grüße 猫 \u202e"))).toBe(String.raw`Grüße 猫 \xe2\x80\xae`);
  });
});

const ready = requirePrograms("patchelf");
describe.skipIf(!ready)("in ELF files, made by patchelf", () => {
  /** A program of this machine's with interpreter and search path set. */
  function patched(kind: "rpath" | "runpath", search: string): { directory: string; bytes: Buffer } {
    const directory = join(temporaryFolder(), "program");
    writeFileSync(directory, readFileSync("/bin/true"), { mode: 0o755 });
    const force = kind === "rpath" ? ["--force-rpath"] : [];
    execFileSync("patchelf", [
      ...force,
      "--set-rpath",
      search,
      "--set-interpreter",
      `${libc}/lib/ld.so`,
      directory,
    ]);
    return { directory, bytes: readFileSync(directory) };
  }

  test.each(["rpath", "runpath"] as const)("interpreter and %s, however far in", async (kind) => {
    const { directory, bytes } = patched(kind, `/opt/lib:${shell}/lib:${"/x".repeat(500)}:${libc}/lib`);
    const [toLibc, toShell] = await findReferences(from, [libc, shell], { directory });
    expect(toLibc?.occurrences.map((occurrence) => occurrence.kind).toSorted()).toEqual([
      "interpreter",
      kind,
    ]);
    expect(toShell?.occurrences.map((occurrence) => occurrence.kind)).toEqual([kind]);
    for (const { offset } of toLibc?.occurrences ?? []) {
      expect(bytes.toString("latin1", offset, offset + 32)).toBe(hash);
    }
  });

  test("a search path behind more than a chunk of other bytes, and a string in the data", async () => {
    const { directory, bytes } = patched("runpath", `${libc}/lib`);
    writeFileSync(directory, Buffer.concat([bytes, Buffer.alloc(3 << 20), Buffer.from(`\0${libc}/etc\0`)]));
    execFileSync("patchelf", ["--set-rpath", `${shell}/a-longer-one/lib`, directory]);
    const kinds = (await findReferences(from, [libc, shell], { directory })).map(({ occurrences }) =>
      occurrences.map(({ kind }) => kind),
    );
    expect(kinds[0]).toContain("interpreter");
    expect(kinds[0]).toContain("embedded-string");
    expect(kinds[1]).toEqual(["runpath"]);
  });

  test("damaged ELF files are searched like any other", async () => {
    const { bytes } = patched("runpath", `${libc}/lib`);
    const directory = join(temporaryFolder(), "damaged");
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(1023), fc.nat(255)), { minLength: 1, maxLength: 20 }),
        async (damage) => {
          const copy = Buffer.from(bytes);
          for (const [at, byte] of damage) copy[at] = byte;
          let expected = 0;
          for (let at = copy.indexOf(hash); at !== -1; at = copy.indexOf(hash, at + 1)) expected++;
          writeFileSync(directory, copy);
          expect((await findReferences(from, [libc], { directory }))[0]?.count).toBe(expected);
        },
      ),
      { numRuns: 300 },
    );
  });
});
