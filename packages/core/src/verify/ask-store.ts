import { NixError, type PathInfo, type StorePath } from "@stowage/nix";
import { openStores } from "../open-stores.ts";
import type { StoreReport, VerifyOptions } from "../verify-options.ts";

/** What Nix knows of the paths; without Nix, nothing, unless a store was named. */
export async function askStore(
  paths: readonly StorePath[],
  options: VerifyOptions,
): Promise<{ readonly infos: ReadonlyMap<StorePath, PathInfo>; readonly report: StoreReport }> {
  const { signal } = options;
  if (paths.length === 0)
    return { infos: new Map(), report: { asked: false, reason: "the image has no store paths", known: 0 } };
  try {
    const store = openStores(options);
    const infos = await store.queryValid(paths, { signal });
    return {
      infos: new Map(infos.map((info) => [info.path, info])),
      report: { asked: true, known: infos.length },
    };
  } catch (error) {
    signal?.throwIfAborted();
    if (options.store !== undefined || !(error instanceof NixError)) throw error;
    return { infos: new Map(), report: { asked: false, reason: error.message, known: 0 } };
  }
}
