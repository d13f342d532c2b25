import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { pack, plan, type PackOptions } from "@stowage/core";
import { beforeEach, describe, expect, test } from "vitest";
import { copyToCache, makeCacheKey, type CacheKey } from "../support/binary-cache.ts";
import { serveCache } from "../support/cache-server.ts";
import { makeChrootStore, type ChrootStore } from "../support/chroot-store.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { startRegistry } from "../support/registry.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Much more than waits anywhere between the cache and the image, and hard to compress. */
const noise = Buffer.alloc(6_000_000);
for (let at = 0, state = 1; at < noise.length; at++) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  noise[at] = state >>> 16;
}

const broken = {
  "a byte is another": (nar: string) => {
    const bytes = readFileSync(nar);
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = (bytes[middle] as number) ^ 4;
    writeFileSync(nar, bytes);
  },
  "it is cut off": (nar: string) => writeFileSync(nar, readFileSync(nar).subarray(0, -20)),
  "it is gone": (nar: string) => rmSync(nar),
} as const;

describe.skipIf(!requirePrograms("nix", "nix-store"))("a path that is broken in one cache", () => {
  let store: ChrootStore;
  let key: CacheKey;
  let folder: string;
  const cacheOf = (name: string): string => join(folder, name);
  const urlOf = (name: string): string => `file://${cacheOf(name)}`;

  /** The NAR of a path in a cache. */
  const narOf = (cache: string, path: string): string => {
    const hash = /\/([^/-]+)-[^/]*$/.exec(path)?.[1] ?? "";
    const narinfo = readFileSync(join(cacheOf(cache), `${hash}.narinfo`), "utf8");
    return join(cacheOf(cache), /^URL: (.*)$/m.exec(narinfo)?.[1] ?? "");
  };
  const breakIn = (cache: string, how: keyof typeof broken, at = 1): void => {
    execFileSync("chmod", ["-R", "u+w", cacheOf(cache)]);
    broken[how](narOf(cache, store.paths[at] as string));
  };
  /** A pack by somebody who remembers nothing. */
  const optionsOf = (stores: readonly string[]): PackOptions => ({
    targets: store.paths,
    store: stores,
    trustedPublicKeys: [key.publicKey],
    platform: "linux/amd64",
    layering: "per-path",
    environment: { ...nixEnvironment, HOME: temporaryFolder(), NIX_CONF_DIR: folder },
  });
  const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

  /** Packs to a stream; what went into it. */
  async function packToStream(options: PackOptions): Promise<string> {
    const output = new PassThrough();
    const parts: Buffer[] = [];
    output.on("data", (chunk: Buffer) => parts.push(Buffer.from(chunk)));
    await pack({ ...options, output });
    output.end();
    await finished(output);
    return sha256(Buffer.concat(parts));
  }

  beforeEach(() => {
    folder = temporaryFolder();
    store = makeChrootStore(["small", "large", "last"], (name) => (name === "large" ? noise : name));
    key = makeCacheKey(folder);
    // The same NARs, in files of two kinds.
    copyToCache(store.paths, { folder: cacheOf("first"), key, compression: "none", from: store.url });
    copyToCache(store.paths, { folder: cacheOf("second"), key, compression: "zstd", from: store.url });
  });

  test.each<readonly [keyof typeof broken, readonly Partial<PackOptions>[]]>([
    [
      "a byte is another",
      [
        { format: "archive" },
        { format: "docker-archive" },
        { format: "oci-dir" },
        { format: "archive", compression: "zstd:1" },
      ],
    ],
    ["it is cut off", [{ format: "oci-dir" }]],
    ["it is gone", [{ format: "archive" }]],
  ])(
    "is taken from the next, with a word, where %s; the image is the same in every form",
    async (how, forms) => {
      breakIn("first", how);
      const caches = [urlOf("first"), urlOf("second")];
      for (const form of forms) {
        const out = temporaryFolder();
        const [near, far] = [join(out, "near"), join(out, "far")];
        await pack({ ...optionsOf([store.url]), ...form, output: near });
        const { warnings } = await pack({ ...optionsOf(caches), ...form, output: far });
        const told = warnings.filter((warning) => warning.includes("taken from"));
        expect(told).toHaveLength(1);
        expect(told[0]).toContain(store.paths[1]);
        expect(told[0]).toContain(`taken from ${urlOf("second")}`);
        execFileSync("diff", ["-r", near, far]);
        expect(readdirSync(out).toSorted()).toEqual(["far", "near"]);
      }
      if (forms.length === 1) return;
      // What went out cannot be taken back: it is whole before it does.
      expect(await packToStream(optionsOf(caches))).toBe(await packToStream(optionsOf([store.url])));
      const packed = { compression: "gzip", spool: true };
      expect(await packToStream({ ...optionsOf(caches), ...packed })).toBe(
        await packToStream({ ...optionsOf([store.url]), ...packed }),
      );
      const digests = { digests: true, layering: "per-path", onProgress: undefined } as const;
      const [here, there] = await Promise.all([
        plan({ ...optionsOf([store.url]), ...digests }),
        plan({ ...optionsOf(caches), ...digests }),
      ]);
      expect(there.layers).toEqual(here.layers);
    },
  );

  test("goes into a registry as it is in the next", async () => {
    await using registry = await startRegistry();
    breakIn("first", "a byte is another");
    const near = await pack({ ...optionsOf([store.url]), output: join(temporaryFolder(), "near") });
    for (const form of [{}, { compression: "zstd:1" }]) {
      const { manifestDigest } = await pack({ ...optionsOf([store.url]), ...form, dryRun: "digests" });
      const pushed = await pack({
        ...optionsOf([urlOf("first"), urlOf("second")]),
        ...form,
        push: [`${registry.host}/app:${form.compression === undefined ? "plain" : "packed"}`],
      });
      expect(pushed.manifestDigest).toBe(manifestDigest);
    }
    expect(near.manifestDigest).toBeDefined();
  });

  test("is an error that names every cache that was tried where none has it whole; nothing is left", async () => {
    breakIn("first", "a byte is another");
    breakIn("second", "it is cut off");
    const out = temporaryFolder();
    const temporary = join(out, "tmp");
    mkdirSync(temporary);
    const options = optionsOf([urlOf("first"), urlOf("second")]);
    const failure = await pack({ ...options, output: join(out, "image") }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "cache-corrupted", path: store.paths[1] });
    for (const name of ["first", "second"]) expect((failure as Error).message).toContain(urlOf(name));
    expect(readdirSync(out)).toEqual(["tmp"]);
  });

  test("is taken from this machine's store where that is named behind the cache", async () => {
    breakIn("first", "it is cut off");
    const out = temporaryFolder();
    const [near, far] = [join(out, "near"), join(out, "far")];
    await pack({ ...optionsOf([store.url]), output: near });
    const { warnings } = await pack({ ...optionsOf([urlOf("first"), store.url]), output: far });
    expect(warnings.join()).toContain("taken from this machine's store");
    execFileSync("cmp", [near, far]);
  });

  test("another NAR under the same name does not take its place", async () => {
    // The same path, signed, with other contents: a build that is not reproducible.
    breakIn("first", "it is gone");
    const hash = /\/([^/-]+)-[^/]*$/.exec(store.paths[1] as string)?.[1] ?? "";
    const narinfo = join(cacheOf("second"), `${hash}.narinfo`);
    execFileSync("chmod", ["-R", "u+w", cacheOf("second")]);
    const text = readFileSync(narinfo, "utf8");
    writeFileSync(narinfo, text.replace(/^NarHash: .*$/m, `NarHash: sha256:${"1".repeat(52)}`));
    const options = { ...optionsOf([urlOf("first"), urlOf("second")]), checkSignatures: false };
    await expect(pack({ ...options, output: join(temporaryFolder(), "image") })).rejects.toMatchObject({
      code: "cache-corrupted",
      message: expect.stringContaining("is missing") as string,
    });
  });

  test("passes by as it comes: little of it waits anywhere, and each file is asked for once", async () => {
    await using server = await serveCache(cacheOf("second"));
    const out = temporaryFolder();
    await pack({ ...optionsOf([server.url]), output: join(out, "image") });
    const files = server.requests.filter((request) => request.includes("/nar/"));
    expect(files.toSorted()).toEqual([...new Set(files)].toSorted());
    expect(files).toHaveLength(store.paths.length);
  });
});
