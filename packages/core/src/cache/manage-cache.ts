import { KnownLayers } from "../base/known-layers.ts";
import { CoreError } from "../errors.ts";
import type { CacheContents } from "./cache-folder.ts";
import { CompiledCode } from "./compiled-code.ts";
import { DigestCache } from "./digest-cache.ts";
import { KnownPlaces } from "./known-places.ts";
import type { Remembered } from "./remembered.ts";

/** Whose cache is meant: `XDG_CACHE_HOME` and `HOME` say it. */
export interface CacheOptions {
  /** Default `process.env`: `XDG_CACHE_HOME`, `HOME`. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
}

/**
 * What is remembered: digests of layers that were made; beside them what is in layers of bases, where blobs lie in registries, and
 * what the command's modules were compiled to.
 */
export interface RememberedContents extends CacheContents {
  readonly baseLayers: CacheContents;
  readonly blobPlaces: CacheContents;
  readonly compiledCode: CacheContents;
}

/**
 * What is remembered for this user.
 * @throws CoreError `cache-unusable`
 */
export function inspectCache({ environment = process.env }: CacheOptions = {}): RememberedContents {
  return withCaches(environment, (cache) => cache.contents());
}

/**
 * Forgets everything that is remembered for this user, and says what there was.
 * @throws CoreError `cache-unusable`
 */
export function clearCache({ environment = process.env }: CacheOptions = {}): RememberedContents {
  return withCaches(environment, (cache) => cache.clear());
}

function withCaches(
  environment: NodeJS.ProcessEnv,
  work: (cache: Remembered | CompiledCode) => CacheContents,
): RememberedContents {
  const cache = new DigestCache(environment);
  try {
    return {
      ...work(cache),
      baseLayers: work(new KnownLayers(environment)),
      blobPlaces: work(new KnownPlaces(environment)),
      compiledCode: work(new CompiledCode(environment)),
    };
  } catch (cause) {
    throw new CoreError("cache-unusable", `the digest cache cannot be used: ${(cause as Error).message}`, {
      path: cache.folder,
      cause,
      hint: "See whose the folder is; XDG_CACHE_HOME names another.",
    });
  }
}
