import { NixError } from "../errors.ts";
import type { PathInfo } from "../path-info.ts";
import type { StorePath } from "../store-path.ts";
import { BinaryCacheStore } from "./binary-cache.ts";
import type { Store, StoreCallOptions } from "./store.ts";

/** What a store knows of paths that it was asked for. */
export interface StoreAnswer {
  readonly infos: readonly PathInfo[];
  /** What it has and does not count: nobody trusted vouches for it, or it cannot be. */
  readonly refused: ReadonlyMap<StorePath, NixError>;
  /** Why it answers nothing any more. */
  readonly failure: NixError | undefined;
}

/**
 * Asks a store for paths; what it does not have is left out.
 * @throws what the store throws that is neither about one of the paths nor about a cache that fails
 */
export async function askStore(
  store: Store,
  paths: readonly StorePath[],
  options: StoreCallOptions,
): Promise<StoreAnswer> {
  if (store instanceof BinaryCacheStore) return askCache(store, paths, options);
  const valid = await store.queryValid(paths, options);
  // What a valid path refers to is valid there.
  const roots = valid.map(({ path }) => path);
  const infos = valid.length === 0 ? [] : (await store.queryClosure(roots, options)).paths;
  return { infos, refused: new Map(), failure: undefined };
}

async function askCache(
  cache: BinaryCacheStore,
  paths: readonly StorePath[],
  { signal }: StoreCallOptions,
): Promise<StoreAnswer> {
  const infos: PathInfo[] = [];
  const refused = new Map<StorePath, NixError>();
  // Who does not answer for one path is not asked for the others.
  const ending = new AbortController();
  const either = signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal]);
  await Promise.allSettled(
    paths.map(async (path) => {
      try {
        infos.push(...(await cache.queryValid([path], { signal: either })));
      } catch (error) {
        if (error instanceof NixError && isAboutOnePath(cache, error)) refused.set(path, error);
        else ending.abort(error);
      }
    }),
  );
  signal?.throwIfAborted();
  const failure: unknown = ending.signal.reason;
  if (failure !== undefined && !(failure instanceof NixError && isAboutCache(failure))) throw failure;
  return { infos, refused, failure };
}

function isAboutOnePath(cache: BinaryCacheStore, { code, path }: NixError): boolean {
  if (path === cache.infoName) return false;
  return code === "cache-untrusted" || code === "cache-corrupted" || code === "cache-unsupported";
}

function isAboutCache({ code }: NixError): boolean {
  return code === "cache-failed" || code === "cache-corrupted" || code === "cache-unsupported";
}
