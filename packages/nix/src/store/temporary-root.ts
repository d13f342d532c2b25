import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../cache-folder.ts";
import type { StorePath } from "../store-path.ts";
import { batchArguments, runNixStore, type NixStoreOptions } from "./nix-store-command.ts";
import { formatIdentity, hasEnded, ownIdentity, parseIdentity } from "./process-identity.ts";
import type { StoreLocation } from "./store-location.ts";
import type { Protection } from "./store.ts";

/** A root of a process that cannot be seen from here (another pid namespace) is kept for this long. */
const UNSEEN_MILLISECONDS = 24 * 60 * 60 * 1000;

/** Folders of roots that this process has. */
const taken = new Set<string>();

/** The folders whose removal gives up all roots of this process, for one that ends without waiting. */
export function temporaryRoots(): readonly string[] {
  return [...taken];
}

/**
 * Takes temporary garbage collector roots: links in a folder of this process, indirect roots of the store. `-r` on a
 * valid output path builds nothing, and `substitute` is off, so an invalid one is not fetched either.
 * @param paths no derivations
 */
export async function takeTemporaryRoot(
  paths: readonly StorePath[],
  location: StoreLocation,
  options: NixStoreOptions,
): Promise<Protection> {
  const cache = cacheFolder(options.environment);
  if (cache === undefined) return unprotected("this user has no home, and XDG_CACHE_HOME is not set");
  const roots = join(cache, "roots");
  const folder = join(roots, `${formatIdentity(ownIdentity())}_${randomBytes(4).toString("hex")}`);
  // What cannot be removed now is by the next pack: its process has ended by then.
  const release = async (): Promise<void> => {
    await rm(folder, { recursive: true, force: true }).catch(() => {});
    taken.delete(folder);
  };
  taken.add(folder);
  try {
    await removeLeftRoots(roots);
    await mkdir(folder, { recursive: true });
    for (const [index, batch] of batchArguments(paths).entries()) {
      const words = [
        "--option",
        "substitute",
        "false",
        "--add-root",
        join(folder, `root-${index}`),
        "--indirect",
      ];
      await runNixStore([...location.arguments, ...words, "--realise", ...batch], options);
    }
    return { warning: undefined, [Symbol.asyncDispose]: release };
  } catch (error) {
    await release();
    options.signal?.throwIfAborted();
    return unprotected(error instanceof Error ? error.message : String(error));
  }
}

function unprotected(reason: string): Protection {
  return {
    warning: `the paths are not protected from the garbage collector: ${reason}`,
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Removes the roots of processes that were killed before they could. */
async function removeLeftRoots(roots: string): Promise<void> {
  const own = ownIdentity();
  for (const name of await readdir(roots).catch(() => [])) {
    const identity = parseIdentity(name);
    if (identity === undefined) continue;
    const folder = join(roots, name);
    const unseen = identity.host === own.host && identity.namespace !== own.namespace;
    if (hasEnded(identity, own) || (unseen && (await isOld(folder))))
      await rm(folder, { recursive: true, force: true });
  }
}

async function isOld(folder: string): Promise<boolean> {
  const stats = await stat(folder).catch(() => undefined);
  return stats !== undefined && Date.now() - stats.mtimeMs > UNSEEN_MILLISECONDS;
}
