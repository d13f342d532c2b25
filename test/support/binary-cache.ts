import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { nixEnvironment } from "./nix-environment.ts";

/** A key that signs what a cache says. */
export interface CacheKey {
  readonly secretFile: string;
  /** What `--trusted-public-key` takes. */
  readonly publicKey: string;
}

/** Makes a key with Nix. */
export function makeCacheKey(folder: string, name = "stowage-test-1"): CacheKey {
  const [secretFile, publicFile] = [join(folder, `${name}.secret`), join(folder, `${name}.public`)];
  execFileSync("nix-store", ["--generate-binary-cache-key", name, secretFile, publicFile], {
    env: nixEnvironment,
    stdio: ["ignore", "ignore", "pipe"],
  });
  return { secretFile, publicKey: readFileSync(publicFile, "utf8").trim() };
}

/** Has Nix copy paths with their closures from a store into a cache in a folder. */
export function copyToCache(
  paths: readonly string[],
  cache: {
    readonly folder: string;
    /** Without one, nothing is signed. */
    readonly key?: CacheKey | undefined;
    readonly compression?: string;
    /** The store that has the paths; default this machine's. */
    readonly from?: string | undefined;
  },
): void {
  const { folder, key, compression = "zstd", from } = cache;
  const parameters = [`compression=${compression}`, ...(key ? [`secret-key=${key.secretFile}`] : [])];
  const source = from === undefined ? [] : ["--from", from];
  execFileSync(
    "nix",
    ["copy", "--no-check-sigs", ...source, "--to", `file://${folder}?${parameters.join("&")}`, ...paths],
    { env: nixEnvironment, stdio: ["ignore", "ignore", "pipe"] },
  );
}
