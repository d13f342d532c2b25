import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { pack, type PackOptions } from "@stowage/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyToCache, makeCacheKey, type CacheKey } from "../support/binary-cache.ts";
import { serveCache } from "../support/cache-server.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";

type Answer = (response: ServerResponse, file: Buffer, request: IncomingMessage) => void;

const isNar = (request: IncomingMessage): boolean => (request.url ?? "").includes("/nar/");
const encoded = (response: ServerResponse, file: Buffer, name: string): unknown =>
  response.setHeader("content-encoding", name).end(file);

/** How servers hand out what is right. */
const answers: Readonly<Record<string, Answer>> = {
  "encodes everything": (response, file) => encoded(response, gzipSync(file), "gzip"),
  "has what Nix encoded when it wrote the cache": (response, file, request) =>
    isNar(request) ? response.end(file) : encoded(response, brotliCompressSync(file), "br"),
  "encodes twice": (response, file) =>
    encoded(response, zstdCompressSync(gzipSync(file)), "identity, X-GZIP, zstd"),
  "says of files how they are compressed": (response, file, request) =>
    isNar(request) ? encoded(response, file, "xz") : response.end(file),
  "hangs up after each answer": (response, file) => response.setHeader("connection", "close").end(file),
  "speaks HTTP/1.0": (response, file) => {
    const head = Buffer.from("HTTP/1.0 200 OK\r\n\r\n");
    response.socket?.end(Buffer.concat([head, file]));
  },
  "says no lengths": (response, file) => {
    for (let at = 0; at < file.length; at += 7) response.write(file.subarray(at, at + 7));
    response.end();
  },
  "keeps files elsewhere": (response, file, request) => {
    if (request.url?.startsWith("/moved/")) response.end(file);
    else response.writeHead(302, { location: `/moved${request.url}` }).end();
  },
  "names NARs with a query": (response, file, request) => {
    if (!isNar(request)) response.end(file.toString().replace(/^URL: .*$/m, "$&?token=a%20b&x=1"));
    else response.writeHead(request.url?.endsWith("?token=a%20b&x=1") ? 200 : 403).end(file);
  },
};

describe.skipIf(!requirePrograms("nix", "nix-store"))("a cache whose server", () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-odd-"));
  const cache = join(folder, "cache");
  const expected = join(folder, "expected.tar");
  let small: SmallClosure;
  let key: CacheKey;

  beforeAll(async () => {
    small = makeSmallClosure();
    key = makeCacheKey(folder);
    copyToCache(small.paths, { folder: cache, key, compression: "xz", from: small.url });
    await pack({ ...optionsOf(small.url), output: expected });
  });
  afterAll(() => {
    small[Symbol.dispose]();
    removeFolder(folder);
  });

  const optionsOf = (store: string): PackOptions => ({
    targets: small.paths,
    store,
    trustedPublicKeys: [key.publicKey],
    platform: "linux/amd64",
    environment: { ...nixEnvironment, HOME: mkdtempSync(join(folder, "home-")), NIX_CONF_DIR: folder },
  });

  /** The image that is packed from a cache must be that of the files; of one that is refused nothing is left. */
  async function packFrom(store: string): Promise<void> {
    const out = temporaryFolder();
    try {
      await pack({ ...optionsOf(store), output: join(out, "image.tar") });
    } catch (error) {
      expect(readdirSync(out)).toEqual([]);
      throw error;
    }
    execFileSync("cmp", [join(out, "image.tar"), expected]);
  }

  /** Below a path of a server, as one that serves several caches has them. */
  async function serve(answer: Answer): Promise<AsyncDisposable & { readonly url: string }> {
    return serveCache(cache, (request, response) => {
      const name = decodeURIComponent((request.url ?? "").replace("/moved", "").replace(/\?.*/, ""));
      const file = join(cache, name.replace("/team a/nix/", "/"));
      if (name.startsWith("/team a/nix/") && existsSync(file)) answer(response, readFileSync(file), request);
      else response.writeHead(404).end();
      return true;
    });
  }

  test.each(Object.entries(answers))("%s is read", async (_, answer) => {
    await using server = await serve(answer);
    await packFrom(`${server.url}/team%20a/nix/`);
  });

  test.each<readonly [string, string, (file: Buffer) => Buffer, RegExp]>([
    ["another encoding than it says", "cache-corrupted", (file) => file, /is not gzip, as its server says/],
    ["half of what it encoded", "cache-corrupted", (file) => gzipSync(file).subarray(0, -9), /is not gzip/],
    [
      "far too much",
      "cache-corrupted",
      () => gzipSync(Buffer.alloc(5_000_000)),
      /has more than 4194304 bytes/,
    ],
  ])("gives %s is refused", async (_, code, change, says) => {
    await using server = await serve((response, file) => encoded(response, change(file), "gzip"));
    await expect(packFrom(`${server.url}/team%20a/nix`)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(says) as string,
    });
  });

  test("gives NARs in half of what it encoded is refused, and so is an encoding that nobody reads", async () => {
    await using half = await serve((response, file, request) =>
      encoded(response, isNar(request) ? gzipSync(file).subarray(0, -9) : gzipSync(file), "gzip"),
    );
    await expect(packFrom(`${half.url}/team%20a/nix`)).rejects.toMatchObject({
      code: "cache-corrupted",
      message: expect.stringMatching(/\/nar\/.* is not gzip, as its server says/) as string,
    });
    await using strange = await serve((response, file) => encoded(response, file, "compress"));
    await expect(packFrom(`${strange.url}/team%20a/nix`)).rejects.toMatchObject({
      code: "cache-unsupported",
      message: expect.stringContaining("comes as 'compress'") as string,
    });
  });

  test("is a folder has a name of any characters", async () => {
    const odd = join(temporaryFolder(), "a #%?é+b%20");
    cpSync(cache, odd, { recursive: true });
    await packFrom(`${pathToFileURL(odd).href}/`);
    await packFrom(`file://${cache}//?compression=xz`);
    for (const [address, says] of [
      [`file://${cache}#here`, /goes on behind a '#'/],
      [`file://${cache}/100%`, /a '%' that stands for no character/],
    ] as const) {
      await expect(packFrom(address)).rejects.toMatchObject({
        code: "store-unsupported",
        message: expect.stringMatching(says) as string,
        hint: expect.stringMatching(/is written %2/) as string,
      });
    }
  });
});
