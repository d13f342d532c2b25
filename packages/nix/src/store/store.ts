import type { Closure, PathInfo } from "../path-info.ts";
import type { StorePath } from "../store-path.ts";
import type { DiskLocation, TreeLocation } from "../tree/tree.ts";

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

/** What every question to a store takes. */
export interface StoreCallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Trees that can be read on this machine until this is disposed of. */
export interface OpenTrees extends AsyncDisposable {
  /** Where one of them is read; plain data, so that a worker thread can be told. */
  locate(path: StorePath): TreeLocation;
}

/** How trees are brought here, and who is told of it. */
export interface OpenTreesOptions extends StoreCallOptions {
  /** Told of bytes that come over the network, or out of a cache's folder. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
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
  /** Where a valid path's tree lies on this machine's disk; undefined where it has to be brought here first. */
  locateTree(path: StorePath): DiskLocation | undefined;
  /**
   * Brings valid paths' trees here, where they are not here anyway, and holds them.
   * @throws NixError `path-invalid`, `cache-failed`, `cache-corrupted`, `cache-untrusted`, `nar-invalid`, `spool-failed`
   */
  openTrees(paths: readonly StorePath[], options?: OpenTreesOptions): Promise<OpenTrees>;
  /**
   * A valid path's NAR as it comes, kept nowhere. It counts only once the iteration has come to its end by itself: what is
   * wrong with it may show last. Each chunk is valid only until the next is asked for.
   * @throws NixError as {@link Store.openTrees}; `nar-replaced` where what came is not to be used, and reading it again takes
   *   the same NAR from another store
   */
  readNar(path: StorePath, options?: OpenTreesOptions): AsyncIterable<Uint8Array>;
  /**
   * Says which NARs will be read next, in this order: a store that is far away begins to fetch them.
   * @param options the signal gives up what was not read by then
   */
  expectNars(paths: readonly StorePath[], options?: OpenTreesOptions): void;
}
