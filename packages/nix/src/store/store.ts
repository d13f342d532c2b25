import type { Closure, PathInfo } from "../path-info.ts";
import type { StorePath } from "../store-path.ts";
import type { TreeLocation } from "../tree/tree.ts";

/** Something a user pointed at, found in the store. */
export interface Target {
  /** As the user wrote it. */
  readonly given: string;
  readonly storePath: StorePath;
  /** What follows the store path, without a leading slash: `bin/hello`, or the empty string. */
  readonly subpath: string;
}

/** Holds store paths against the garbage collector until it is disposed of. */
export interface Protection extends AsyncDisposable {
  /** Why the paths are not protected, where no root could be taken; undefined when they are. */
  readonly warning: string | undefined;
}

export interface StoreCallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A place store paths come from. Every implementation runs through the suite in `test/contract`. */
export interface Store {
  /** The logical store directory, `/nix/store` nearly everywhere. */
  readonly storeDir: string;
  /**
   * Follows a result link, a store path or a path inside one to the store path it stands for.
   * @throws NixError `target-empty`, `target-missing`, `target-not-in-store`, `target-is-derivation`
   */
  resolveTarget(target: string): Promise<Target>;
  /**
   * All that the roots need at run time, in one round trip however many paths there are.
   * @throws NixError `path-invalid`, `nix-missing`, `store-unavailable`, `nix-failed`
   */
  queryClosure(roots: readonly StorePath[], options?: StoreCallOptions): Promise<Closure>;
  /**
   * What the store knows of those of these paths that are valid in it, in one round trip however many there are; the
   * others are left out. Paths of another store directory are never valid.
   * @throws NixError `nix-missing`, `store-unavailable`, `nix-failed`
   */
  queryValid(paths: readonly StorePath[], options?: StoreCallOptions): Promise<PathInfo[]>;
  /** Keeps valid output paths from being collected. Never builds or substitutes; failing to protect is a warning. */
  protect(roots: readonly StorePath[], options?: StoreCallOptions): Promise<Protection>;
  /** Valid paths of these packages (by name, the first name's first), newest version first. */
  findPackages(names: readonly string[], options?: StoreCallOptions): Promise<StorePath[]>;
  /** Where a valid path's tree can be read; plain data, so that a worker thread can be told. */
  locateTree(path: StorePath): TreeLocation;
}
