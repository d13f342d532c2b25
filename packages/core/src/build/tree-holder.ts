import type { OpenTrees, OpenTreesOptions, Store, StorePath, TreeLocation } from "@stowage/nix";
import { NarPipe, type PipedNar } from "@stowage/nix/internal";

/** What of a store is needed for its trees. */
type TreeStore = Pick<Store, "storeDir" | "openTrees" | "locateTree" | "readNar" | "expectNars">;

/** Trees that are read once, each whole and in the order they were asked for, by a worker thread. */
export interface PassingTrees extends AsyncDisposable {
  locate(path: StorePath): TreeLocation | PipedNar;
  /**
   * Waits until all of what is far away has come, and is what it must be; what was read of it counts only then.
   * @throws NixError as {@link Store.readNar}
   */
  readonly arrived: Promise<void>;
}

/** The trees that one command reads: one that was brought here to be looked into serves the layers too. */
export class TreeHolder implements AsyncDisposable {
  readonly storeDir: string;
  readonly #store: TreeStore;
  readonly #options: OpenTreesOptions;
  readonly #kept = new Map<StorePath, Promise<OpenTrees>>();
  readonly #open = new Set<OpenTrees>();
  /** Those that nobody uses at present: one for each layer would leave hundreds of megabytes to the collector. */
  readonly #pipes: NarPipe[] = [];
  /** Ends what was begun and is not wanted. */
  readonly #ending = new AbortController();

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

  /** Says what will be passed next ({@link TreeHolder.pass}), in this order, so that it may begin to come. */
  expect(paths: readonly StorePath[]): void {
    const far = paths.filter((path) => !this.isHere(path) && !this.#kept.has(path));
    this.#store.expectNars(far, { ...this.#options, signal: this.#signalWith(undefined) });
  }

  /** Trees that are read once: NARs that are far away pass by as they come, and are kept nowhere. */
  async pass(
    trees: readonly { readonly path: StorePath; readonly narSize: number }[],
    signal?: AbortSignal,
  ): Promise<PassingTrees> {
    const here = new Map<StorePath, TreeLocation | PipedNar>();
    for (const { path } of trees) {
      const location = (await this.#kept.get(path))?.locate(path) ?? this.#store.locateTree(path);
      if (location !== undefined) here.set(path, location);
    }
    const far = trees.filter(({ path }) => !here.has(path));
    const locate = (path: StorePath): TreeLocation | PipedNar => here.get(path) as TreeLocation | PipedNar;
    // A pipe for each layer that needs none, left to the collector, took up to 60 MB of a pack with zstd in eight threads.
    if (far.length === 0) return { locate, arrived: Promise.resolve(), async [Symbol.asyncDispose]() {} };
    const pipe = this.#pipes.pop() ?? new NarPipe();
    for (const { path, narSize } of far) here.set(path, { narPipe: pipe.shared, length: narSize });
    const left = new AbortController();
    const arrived = this.#bring(
      far.map(({ path }) => path),
      pipe,
      this.#signalWith(signal, left.signal),
    );
    // Whoever waits is told; until then a failure must not count as one that nobody heard of.
    let hasArrived = false;
    arrived.then(
      () => (hasArrived = true),
      () => {},
    );
    let isLeft = false;
    return {
      locate,
      arrived,
      [Symbol.asyncDispose]: async () => {
        if (isLeft) return;
        isLeft = true;
        left.abort();
        if (hasArrived && pipe.isEmpty) this.#pipes.push(pipe);
        else pipe[Symbol.dispose]();
        await arrived.catch(() => {});
      },
    };
  }

  async #bring(far: readonly StorePath[], pipe: NarPipe, signal: AbortSignal): Promise<void> {
    const options = { ...this.#options, signal };
    this.#store.expectNars(far, options);
    try {
      for (const path of far) {
        for await (const chunk of this.#store.readNar(path, options)) await pipe.write(chunk);
      }
    } catch (error) {
      pipe[Symbol.dispose]();
      throw error;
    }
  }

  #signalWith(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
    const all = [this.#ending.signal, this.#options.signal, ...signals];
    return AbortSignal.any(all.filter((each) => each !== undefined));
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
    this.#ending.abort();
    const kept = await Promise.allSettled(this.#kept.values());
    const held = kept.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    this.#kept.clear();
    const open = [...held, ...this.#open];
    this.#open.clear();
    for (const trees of open) await trees[Symbol.asyncDispose]();
  }
}
