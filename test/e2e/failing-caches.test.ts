import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack, verify, type PackOptions } from "@stowage/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyToCache, makeCacheKey, type CacheKey } from "../support/binary-cache.ts";
import { serveCache } from "../support/cache-server.ts";
import { freePort } from "../support/free-port.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { stowage } from "../support/stowage.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";

/** Asks us to wait for longer than anybody does. */
const busy = (response: ServerResponse): unknown =>
  response.writeHead(503, { "retry-after": "100000" }).end();

const requests: Readonly<
  Record<string, readonly [(request: IncomingMessage, response: ServerResponse) => unknown, RegExp]>
> = {
  "answers 403": [(_, response) => response.writeHead(403).end(), /is no binary cache.*403/],
  "is busy": [(_, response) => busy(response), /answers 503/],
  "is a page": [(_, response) => response.end("<html>hello</html>"), /is not what a binary cache says/],
  "is for another store directory": [
    (_, response) => response.end("StoreDir: /gnu/store\n"),
    /is for \/gnu\/store/,
  ],
  "redirects without end": [
    (request, response) => response.writeHead(302, { location: request.url }).end(),
    /redirects without end/,
  ],
};

/** What a cache may say of every path, and what is said of that. */
const narinfos: Readonly<Record<string, readonly [(text: string) => string, RegExp]>> = {
  "is unsigned": [(text) => text.replace(/^(Sig|CA): .*\n/gm, ""), /it is not signed/],
  "is cut off": [(text) => text.slice(0, 40), /is cut off/],
  "has NARs that nobody reads": [(text) => text.replace(/^Compression: .*$/m, "Compression: lzip"), /'lzip'/],
};

describe.skipIf(!requirePrograms("nix", "nix-store"))("a cache that fails before others", () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-failing-"));
  const from = `local?root=${join(folder, "root")}`;
  const cache = join(folder, "cache");
  const expected = join(folder, "expected.tar");
  let key: CacheKey;
  let target: string;

  beforeAll(async () => {
    // Each refers to the next, so that one is asked for after the other.
    const text = ["a", "b", "c", "d"].reduce(
      (inner, name) => `(builtins.toFile "${name}-1" ''refers to \${${inner}}'')`,
      `(builtins.toFile "last-1" "${"much ".repeat(200)}")`,
    );
    target = execFileSync("nix", ["eval", "--store", from, "--raw", "--expr", text], {
      env: nixEnvironment,
      encoding: "utf8",
    }).trim();
    key = makeCacheKey(folder);
    copyToCache([target], { folder: cache, key, from });
    await pack({ ...optionsOf([from]), output: expected });
  });
  afterAll(() => removeFolder(folder));

  const optionsOf = (store: readonly string[]): PackOptions => ({
    targets: [target],
    store,
    trustedPublicKeys: [key.publicKey],
    platform: "linux/amd64",
    layering: "per-path",
    environment: { ...nixEnvironment, HOME: mkdtempSync(join(folder, "home-")), NIX_CONF_DIR: folder },
  });

  /** The cache with other words about each path. */
  function changed(change: (text: string) => string): string {
    const other = join(temporaryFolder(), "changed");
    cpSync(cache, other, { recursive: true });
    execFileSync("chmod", ["-R", "u+w", other]);
    for (const name of readdirSync(other).filter((each) => each.endsWith(".narinfo")))
      writeFileSync(join(other, name), change(readFileSync(join(other, name), "utf8")));
    return `file://${other}`;
  }

  /** Packs from a cache that fails and one that does not. */
  async function packBehind(bad: string, good = `file://${cache}`): Promise<readonly string[]> {
    const output = join(temporaryFolder(), "image.tar");
    const { warnings } = await pack({ ...optionsOf([bad, good]), output });
    execFileSync("cmp", [output, expected]);
    return warnings;
  }

  test.each(Object.entries(requests))("%s: the next is asked, with one word", async (_, [answer, said]) => {
    await using server = await serveCache(cache, (request, response) => {
      answer(request, response);
      return true;
    });
    const warnings = await packBehind(server.url);
    expect(warnings).toEqual([expect.stringMatching(said)]);
    expect(warnings[0]).toContain(server.url);
    // Whose first answer is no is asked nothing more.
    expect(new Set(server.requests)).toEqual(new Set(["/nix-cache-info"]));
  });

  test("nobody listens there: the next is asked, with one word", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    expect(await packBehind(url)).toEqual([expect.stringMatching(/nobody listens there.* other stores are/)]);
  });

  test.each([
    ["of whatever kind", () => true],
    ["about paths", (url: string) => url.endsWith(".narinfo")],
  ] as const)("it answers nothing that is asked, %s: three waits are enough", async (_, isIgnored) => {
    const ignored: string[] = [];
    await using server = await serveCache(cache, ({ url = "" }) => {
      if (isIgnored(url)) ignored.push(url);
      return isIgnored(url);
    });
    const { environment } = optionsOf([]);
    const impatient = {
      ...environment,
      NIX_CONFIG: `${environment?.["NIX_CONFIG"]}\nstalled-download-timeout = 1`,
    };
    const output = join(temporaryFolder(), "image.tar");
    const options = { ...optionsOf([server.url, `file://${cache}`]), environment: impatient, output };
    const { warnings } = await pack(options);
    execFileSync("cmp", [output, expected]);
    expect(warnings).toEqual([expect.stringMatching(/did not answer in time.* other stores are/)]);
    expect(ignored).toHaveLength(3);
  });

  test.each(Object.entries(narinfos))("what it says %s: the next is asked", async (_, [change, said]) => {
    const bad = changed(change);
    const warnings = await packBehind(bad);
    for (const warning of warnings) expect(warning).toMatch(said);
    expect(warnings[0]).toContain(bad);
    expect(warnings[0]).toContain(`taken from file://${cache}`);
  });

  test("it dies when NARs are wanted: all of them are taken from the next, with one word", async () => {
    await using server = await serveCache(cache, (request, response) => {
      if (!(request.url ?? "").startsWith("/nar/")) return false;
      busy(response);
      return true;
    });
    const warnings = await packBehind(server.url);
    expect(warnings).toEqual([expect.stringMatching(/answers 503.*taken from file:.*so is all else/)]);
  });

  test("a path that the others do not have is an error that says what each said, and 5 is the status", async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`;
    const empty = join(temporaryFolder(), "empty");
    mkdirSync(empty);
    writeFileSync(join(empty, "nix-cache-info"), "StoreDir: /nix/store\n");
    const [unsigned, none] = [changed((text) => text.replace(/^(Sig|CA): .*\n/gm, "")), `file://${empty}`];
    const place = temporaryFolder();
    const run = (...stores: string[]): ReturnType<typeof stowage> => {
      const words = ["pack", target, "--platform", "linux/amd64", "-o", join(place, "image.tar")];
      const chosen = stores.flatMap((store) => ["--store", store]);
      const env = { ...nixEnvironment, HOME: temporaryFolder(), NIX_CONF_DIR: folder };
      return stowage([...words, ...chosen, "--trusted-public-key", key.publicKey], { env });
    };
    for (const stores of [
      [nobody, none],
      [none, nobody],
      [nobody, unsigned],
      [unsigned, none, nobody],
    ]) {
      const { exitCode, stderr } = await run(...stores);
      expect(exitCode, stderr).toBe(5);
      for (const store of stores) expect(stderr).toContain(store);
      if (stores.includes(nobody)) expect(stderr).toContain("nobody listens there");
      if (stores.includes(unsigned)) expect(stderr).toContain("it is not signed");
    }
    expect(readdirSync(place)).toEqual([]);
  });

  test("what one that failed may know is not taken for unknown", async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`;
    const other = join(temporaryFolder(), "other");
    mkdirSync(other);
    writeFileSync(join(other, "nix-cache-info"), "StoreDir: /nix/store\n");
    const { environment, trustedPublicKeys } = optionsOf([]);
    const ask = { image: expected, environment, trustedPublicKeys };
    await expect(verify({ ...ask, store: [nobody, `file://${other}`] })).rejects.toMatchObject({
      code: "cache-failed",
    });
    const known = await verify({ ...ask, store: [nobody, `file://${cache}`] });
    expect(known.verdict).toBe("matches-nix");
  });
});
