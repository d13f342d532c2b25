import { execFileSync } from "node:child_process";
import { createReadStream, mkdtempSync, readFileSync, statSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pack, type PackOptions } from "@stowage/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyToCache, makeCacheKey, type CacheKey } from "../support/binary-cache.ts";
import { busyMachine } from "../support/busy-machine.ts";
import { serveCache, type CacheServer } from "../support/cache-server.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";

const LATENCY_MILLISECONDS = 150;

describe.skipIf(!requirePrograms("nix", "nix-store"))("a slow binary cache", () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-slow-"));
  const cache = join(folder, "cache");
  const expected = join(folder, "expected.tar");
  let small: SmallClosure;
  let key: CacheKey;
  /** Each refers to the next. */
  let chain: string;

  beforeAll(async () => {
    small = makeSmallClosure();
    const text = ["a", "b", "c", "d", "e"].reduce(
      (inner, name) => `(builtins.toFile "${name}-1" ''refers to \${${inner}}'')`,
      `(builtins.toFile "last-1" "the last")`,
    );
    chain = execFileSync("nix", ["eval", "--store", small.url, "--raw", "--expr", text], {
      env: nixEnvironment,
      encoding: "utf8",
    }).trim();
    key = makeCacheKey(folder);
    copyToCache([...small.paths, chain], { folder: cache, key, compression: "none", from: small.url });
    await pack({ ...optionsOf(small.url, folder), output: expected });
  });
  afterAll(() => {
    small[Symbol.dispose]();
    removeFolder(folder);
  });

  const optionsOf = (store: string, home: string): PackOptions => ({
    targets: [...small.paths, chain],
    store,
    trustedPublicKeys: [key.publicKey],
    platform: "linux/amd64",
    layering: "per-path",
    environment: {
      ...nixEnvironment,
      HOME: home,
      NIX_CONF_DIR: folder,
      NIX_CONFIG: "stalled-download-timeout = 1",
    },
  });

  async function packFrom(server: CacheServer): Promise<void> {
    const out = temporaryFolder();
    await pack({ ...optionsOf(server.url, out), output: join(out, "image.tar") });
    execFileSync("cmp", [join(out, "image.tar"), expected]);
  }

  const fileOf = (url = ""): string => join(cache, url);
  const isLarge = (url = ""): boolean => url.startsWith("/nar/") && statSync(fileOf(url)).size > 1_000_000;

  test(
    "that answers late is asked for many things at once: what does not depend on each other waits together",
    busyMachine,
    async () => {
      let [waiting, most] = [0, 0];
      await using server = await serveCache(cache, async () => {
        most = Math.max(most, ++waiting);
        await sleep(LATENCY_MILLISECONDS);
        waiting--;
        return false;
      });
      await packFrom(server);
      expect(new Set(server.requests).size).toBe(server.requests.length);
      expect(server.requests.length).toBe(1 + 2 * (small.paths.length + 6));
      expect(most).toBeGreaterThanOrEqual(small.paths.length);
    },
  );

  test("that gives a little at a time is not taken for one that stands still", busyMachine, async () => {
    await using server = await serveCache(cache, (request, response) => {
      if (!isLarge(request.url)) return false;
      void trickle(readFileSync(fileOf(request.url)), response);
      return true;
    });
    await packFrom(server);
    const asked = server.requests.filter((url) => isLarge(url));
    expect(asked).toHaveLength(1);
  });

  /** Two seconds for a file, which is more than one may stand still for. */
  async function trickle(bytes: Buffer, response: ServerResponse): Promise<void> {
    response.writeHead(200, { "content-length": bytes.length });
    const step = Math.ceil(bytes.length / 20);
    for (let at = 0; at < bytes.length; at += step) {
      response.write(bytes.subarray(at, at + step));
      await sleep(100);
    }
    response.end();
  }

  test(
    "whose answers stop half-way, or never begin, is asked again after the time that nix.conf says",
    busyMachine,
    async () => {
      const ranges: (string | undefined)[] = [];
      const seen = new Set<string>();
      await using server = await serveCache(cache, (request, response) => {
        const { url = "" } = request;
        const isFirst = !seen.has(url);
        seen.add(url);
        if (isLarge(url)) ranges.push(request.headers.range);
        if (isFirst && url.endsWith(".narinfo")) return true;
        if (!isFirst || !isLarge(url)) return false;
        response.writeHead(200, { "content-length": statSync(fileOf(url)).size, etag: '"the-same"' });
        createReadStream(fileOf(url), { end: 999_999 }).pipe(response, { end: false });
        return true;
      });
      await packFrom(server);
      // What had come is not fetched again.
      expect(ranges).toEqual([undefined, "bytes=1000000-"]);
    },
  );
});
