import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { narChunks, openStore, readTree, type StorePath } from "@stowage/nix";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyToCache, makeCacheKey, type CacheKey } from "../../support/binary-cache.ts";
import { isLong, share } from "../../support/campaign.ts";
import { nixEnvironment } from "../../support/nix-environment.ts";
import { requirePrograms } from "../../support/programs.ts";
import { removeFolder, temporaryFolder } from "../../support/temporary-folder.ts";

const compressions = ["none", "xz", "zstd", "gzip", "bzip2", "br"];
const refusals = ["cache-corrupted", "cache-untrusted", "nar-invalid", "cache-unsupported"];

/** Reads a path from a cache whole; its NAR. */
async function readFromCache(
  folder: string,
  path: StorePath,
  { publicKey, checkSignatures }: { readonly publicKey?: string; readonly checkSignatures?: boolean },
): Promise<Buffer> {
  const trust = { publicKeys: publicKey === undefined ? [] : [publicKey], checkSignatures };
  const store = openStore({ url: `file://${folder}`, environment: { NIX_CONF_DIR: folder }, trust });
  await store.queryClosure([path]);
  await using trees = await store.openTrees([path]);
  const chunks = [...narChunks(readTree(trees.locate(path)))].map((chunk) => Buffer.from(chunk));
  return Buffer.concat(chunks);
}

describe.skipIf(!requirePrograms("nix", "nix-store"))("a binary cache that Nix made", () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-cache-"));
  const from = `local?root=${join(folder, "root")}`;
  let key: CacheKey;
  let path: StorePath;
  let nar: Buffer;
  const cacheOf = (compression: string): string => join(folder, compression);
  const narinfoOf = (cache: string): string =>
    join(cache, readdirSync(cache).find((name) => name.endsWith(".narinfo")) as string);
  const narOf = (cache: string): string => join(cache, "nar", readdirSync(join(cache, "nar"))[0] as string);

  /** A copy of a cache that a test may spoil. */
  const copyOf = (compression: string): string => {
    const copy = join(temporaryFolder(), "cache");
    cpSync(cacheOf(compression), copy, { recursive: true });
    execFileSync("chmod", ["-R", "u+w", copy]);
    return copy;
  };

  beforeAll(() => {
    key = makeCacheKey(folder);
    const source = join(folder, "small-1.0");
    mkdirSync(join(source, "bin"), { recursive: true });
    writeFileSync(join(source, "bin/small"), "#!/bin/sh\necho small\n");
    chmodSync(join(source, "bin/small"), 0o755);
    writeFileSync(join(source, "empty"), "");
    symlinkSync("bin/small", join(source, "link"));
    // Made by hashing its contents: then the signature is what vouches for it, and not its name.
    path = execFileSync("nix-store", ["--store", from, "--add", source], {
      env: nixEnvironment,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim() as StorePath;
    referTo(path);
    nar = execFileSync("nix-store", ["--store", from, "--dump", join(folder, "root", path)], {
      env: nixEnvironment,
      stdio: ["ignore", "pipe", "ignore"],
    });
    for (const compression of compressions) {
      copyToCache([path], { folder: cacheOf(compression), key, compression, from });
      // Without the content address, so that only the signature counts.
      const narinfo = narinfoOf(cacheOf(compression));
      chmodSync(narinfo, 0o644);
      writeFileSync(narinfo, readFileSync(narinfo, "utf8").replace(/^CA: .*\n/m, ""));
    }
  });
  afterAll(() => removeFolder(folder));

  /** Has Nix know that the path refers to itself. */
  function referTo(self: StorePath): void {
    const nix = (words: readonly string[], input = ""): string =>
      execFileSync("nix-store", ["--store", from, ...words], {
        env: nixEnvironment,
        encoding: "utf8",
        input,
        stdio: ["pipe", "pipe", "ignore"],
      });
    const known = nix(["--dump-db", self]);
    expect(known).toMatch(/\n0\n$/);
    nix(["--load-db"], known.replace(/\n0\n$/, `\n1\n${self}\n`));
  }

  test.each(compressions)("is read whole: %s", async (compression) => {
    expect(await readFromCache(cacheOf(compression), path, key)).toEqual(nar);
  });

  test("counts for nothing without a key, with another key, unsigned; and for something where that is asked for", async () => {
    const cache = cacheOf("zstd");
    const other = makeCacheKey(temporaryFolder(), "stowage-test-1");
    const refused = { code: "cache-untrusted", path };
    await expect(readFromCache(cache, path, {})).rejects.toMatchObject(refused);
    await expect(readFromCache(cache, path, other)).rejects.toMatchObject(refused);
    const unsigned = copyOf("zstd");
    const narinfo = narinfoOf(unsigned);
    writeFileSync(narinfo, readFileSync(narinfo, "utf8").replaceAll(/^Sig: .*\n/gm, ""));
    await expect(readFromCache(unsigned, path, key)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("it is not signed") as string,
    });
    expect(await readFromCache(unsigned, path, { checkSignatures: false })).toEqual(nar);
  });

  test("refuses any change of a field", async () => {
    const cache = copyOf("xz");
    const narinfo = narinfoOf(cache);
    const text = readFileSync(narinfo, "utf8");
    const other = `${"0".repeat(32)}-other`;
    const set = (name: string, value: string): string =>
      text.replace(new RegExp(`^${name}: .*$`, "m"), `${name}: ${value}`);
    const changes: Record<string, string> = {
      "another path": set("StorePath", `/nix/store/${other}`),
      "another store": set("StorePath", path.replace("/nix/store", "/gnu/store")),
      "no StorePath": text.replace(/^StorePath.*\n/m, ""),
      "StorePath twice": `${text}StorePath: ${path}\n`,
      "a URL of nothing": set("URL", "nar/nothing.nar.xz"),
      "a URL of something else": set("URL", "nix-cache-info"),
      "a URL above": set("URL", "../cache/nar/x.nar.xz"),
      "a URL above, in the middle": set("URL", "nar/../../x.nar.xz"),
      "a URL elsewhere": set("URL", "/etc/passwd"),
      "a URL of a file": set("URL", "file:///etc/passwd"),
      "a URL of a host": set("URL", "https://example.invalid/x.nar.xz"),
      "no URL": text.replace(/^URL.*\n/m, ""),
      "another compression": set("Compression", "zstd"),
      "no compression": set("Compression", "none"),
      "an unknown compression": set("Compression", "lz4"),
      "compression left out": text.replace(/^Compression.*\n/m, ""),
      "another FileHash": set("FileHash", `sha256:${"0".repeat(52)}`),
      "a FileHash that is none": set("FileHash", "sha256:0"),
      "a larger FileSize": set("FileSize", "99999"),
      "a smaller FileSize": set("FileSize", "10"),
      "a FileSize that is none": set("FileSize", "-1"),
      "another NarHash": set("NarHash", `sha256:${"0".repeat(52)}`),
      "no NarHash": text.replace(/^NarHash.*\n/m, ""),
      "a larger NarSize": set("NarSize", String(nar.length + 8)),
      "a smaller NarSize": set("NarSize", String(nar.length - 8)),
      "a NarSize of 0": set("NarSize", "0"),
      "a NarSize beyond all": set("NarSize", "99999999999999999999"),
      "a reference more": set("References", other),
      "a reference less": set("References", ""),
      "no references": text.replace(/^References.*\n/m, ""),
      "a reference that is none": set("References", "../../etc"),
      "another name of the key": text.replace("Sig: stowage-test-1", "Sig: stowage-test-2"),
      "another signature": text.replace(
        /^(Sig: [^:]*:)(.)/m,
        (_, name: string, first: string) => name + (first === "A" ? "B" : "A"),
      ),
      "no signature": text.replace(/^Sig.*\n/m, ""),
      "a content address that is none": text
        .replace(/^Sig.*\n/m, "")
        .concat(`CA: fixed:r:sha256:${"0".repeat(52)}\n`),
      "the last line feed": text.slice(0, -1),
      nothing: "",
      "a page": "<html>\n",
    };
    for (const [what, changed] of Object.entries(changes)) {
      expect(changed, what).not.toBe(text);
      writeFileSync(narinfo, changed);
      const code = await readFromCache(cache, path, key).then(
        () => "read",
        (error: unknown) => (error as { code?: string }).code,
      );
      expect(refusals, `${what}: ${code}`).toContain(code);
    }
    // Deriver is covered by no signature, and counts for nothing.
    writeFileSync(narinfo, `${text}Deriver: ${other}.drv\nSomething: new\n`);
    expect(await readFromCache(cache, path, key)).toEqual(nar);
  });

  test("refuses any byte of a narinfo that is another, but where a field that need not be there is gone", async () => {
    const cache = copyOf("zstd");
    const narinfo = narinfoOf(cache);
    const bytes = readFileSync(narinfo);
    const mayBeGone = new Set(
      ["FileHash", "FileSize", "Deriver"].flatMap((name) => {
        const at = bytes.indexOf(`${name}: `);
        return at === -1 ? [] : Array.from({ length: name.length }, (_, index) => at + index);
      }),
    );
    for (const at of bytes.keys()) {
      for (const bit of isLong ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 8]) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] as number) ^ (1 << bit);
        writeFileSync(narinfo, changed);
        const outcome = await readFromCache(cache, path, key).then(
          (read) => (read.equals(nar) ? "the same NAR" : "another NAR"),
          (error: unknown) => (error as { code?: string }).code,
        );
        const expected = mayBeGone.has(at) ? [...refusals, "the same NAR"] : refusals;
        const line = bytes.subarray(0, at).toString().split("\n").at(-1) ?? "";
        expect(expected, `bit ${bit} of byte ${at}, after '${line}'`).toContain(outcome);
      }
    }
  });

  test.each(compressions)("refuses any byte that is another: %s", async (compression) => {
    const cache = copyOf(compression);
    const file = narOf(cache);
    const bytes = readFileSync(file);
    for (const at of share([...bytes.keys()], 40)) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      writeFileSync(file, changed);
      const code = await readFromCache(cache, path, key).then(
        () => "read",
        (error: unknown) => (error as { code?: string }).code,
      );
      expect(refusals, `byte ${at}: ${code}`).toContain(code);
    }
  });

  test.each(compressions)(
    "refuses a NAR that is cut off, empty, or goes on; also where no FileHash says so: %s",
    async (compression) => {
      const cache = copyOf(compression);
      const file = narOf(cache);
      const bytes = readFileSync(file);
      const narinfo = narinfoOf(cache);
      const wrong = [bytes.subarray(0, -1), bytes.subarray(0, bytes.length / 2), Buffer.alloc(0)];
      for (const text of [
        readFileSync(narinfo, "utf8"),
        readFileSync(narinfo, "utf8").replaceAll(/^File.*\n/gm, ""),
      ]) {
        writeFileSync(narinfo, text);
        const longer = text.includes("FileHash") || compression === "none";
        for (const each of longer ? [...wrong, Buffer.concat([bytes, bytes])] : wrong) {
          writeFileSync(file, each);
          await expect(readFromCache(cache, path, key), `${each.length} bytes`).rejects.toMatchObject({
            code: expect.stringMatching(/^(cache-corrupted|nar-invalid)$/) as string,
          });
        }
        writeFileSync(file, bytes);
        expect(await readFromCache(cache, path, key)).toEqual(nar);
      }
    },
  );

  test("leads nowhere by a symlink", async () => {
    const cache = copyOf("none");
    const file = narOf(cache);
    const outside = join(temporaryFolder(), "outside");
    cpSync(file, outside);
    execFileSync("rm", [file]);
    symlinkSync(outside, file);
    await expect(readFromCache(cache, path, key)).rejects.toMatchObject({ code: "cache-corrupted" });
  });

  test.each(["xz", "zstd", "gzip", "bzip2"])("stops a bomb before it has gone far: %s", async (codec) => {
    const cache = copyOf(codec);
    const bomb = execFileSync("sh", ["-c", `head -c 100000000 /dev/zero | ${codec} -c`], {
      maxBuffer: 1 << 28,
    });
    writeFileSync(narOf(cache), bomb);
    const narinfo = narinfoOf(cache);
    writeFileSync(narinfo, readFileSync(narinfo, "utf8").replaceAll(/^File.*\n/gm, ""));
    await expect(readFromCache(cache, path, key)).rejects.toMatchObject({
      code: expect.stringMatching(/^(cache-corrupted|nar-invalid)$/) as string,
    });
  });
});
