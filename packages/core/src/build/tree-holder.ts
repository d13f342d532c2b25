import type { OpenTrees, OpenTreesOptions, Store, StorePath, TreeLocation } from "@stowage/nix";

/** What of a store is needed for its trees. */
type TreeStore = Pick<Store, "storeDir" | "openTrees" | "locateTree">;

/** The trees that one command reads: one that was brought here to be looked into serves the layers too. */
export class TreeHolder implements AsyncDisposable {
  readonly storeDir: string;
  readonly #store: TreeStore;
  readonly #options: OpenTreesOptions;
  readonly #kept = new Map<StorePath, Promise<OpenTrees>>();
  readonly #open = new Set<OpenTrees>();

  constructor(store: TreeStore, options: OpenTreesOptions = {}) {
    this.storeDir = store.storeDir;
    this.#store = store;
    this.#options = options;
  }

  /** Whether a tree is on this machine's disk, and need not be brought here. */
  isHere(path: StorePath): boolean {
    return this.#store.locateTree(path) !== undefined;
  }

  /** Where a tree is read, until this is disposed of. */
  async keep(path: StorePath): Promise<TreeLocation> {
    const known = this.#kept.get(path);
    if (known !== undefined) return (await known).locate(path);
    const opening = this.#store.openTrees([path], this.#options);
    this.#kept.set(path, opening);
    opening.catch(() => this.#kept.delete(path));
    return (await opening).locate(path);
  }

  /** Trees for as long as the caller wants them. */
  async open(paths: readonly StorePath[], signal?: AbortSignal): Promise<OpenTrees> {
    const kept = new Map<StorePath, OpenTrees>();
    for (const path of paths) {
      const opened = await this.#kept.get(path);
      if (opened !== undefined) kept.set(path, opened);
    }
    const others = paths.filter((path) => !kept.has(path));
    const opened = await this.#store.openTrees(others, {
      ...this.#options,
      ...(signal === undefined ? {} : { signal }),
    });
    this.#open.add(opened);
    return {
      locate: (path) => (kept.get(path) ?? opened).locate(path),
      [Symbol.asyncDispose]: async () => {
        if (this.#open.delete(opened)) await opened[Symbol.asyncDispose]();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const kept = await Promise.allSettled(this.#kept.values());
    const held = kept.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    this.#kept.clear();
    const open = [...held, ...this.#open];
    this.#open.clear();
    for (const trees of open) await trees[Symbol.asyncDispose]();
  }
}
