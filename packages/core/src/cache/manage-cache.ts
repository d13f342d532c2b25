import { CoreError } from "../errors.ts";
import { DigestCache, type CacheContents } from "./digest-cache.ts";

export interface CacheOptions {
  /** Default `process.env`: `XDG_CACHE_HOME`, `HOME`. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
}

/**
 * What the digest cache of this user holds.
 * @throws CoreError `cache-unusable`
 */
export function inspectCache({ environment = process.env }: CacheOptions = {}): CacheContents {
  return withCache(environment, (cache) => cache.contents());
}

/**
 * Removes all entries of this user's digest cache, and says what there was.
 * @throws CoreError `cache-unusable`
 */
export function clearCache({ environment = process.env }: CacheOptions = {}): CacheContents {
  return withCache(environment, (cache) => cache.clear());
}

function withCache(
  environment: NodeJS.ProcessEnv,
  work: (cache: DigestCache) => CacheContents,
): CacheContents {
  const cache = new DigestCache(environment);
  try {
    return work(cache);
  } catch (cause) {
    throw new CoreError("cache-unusable", `the digest cache cannot be used: ${(cause as Error).message}`, {
      path: cache.folder,
      cause,
      hint: "See whose the folder is; XDG_CACHE_HOME names another.",
    });
  }
}
