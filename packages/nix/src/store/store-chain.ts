import { NixError } from "../errors.ts";
import { makeClosure } from "../make-closure.ts";
import type { Closure, PathInfo } from "../path-info.ts";
import type { StorePath } from "../store-path.ts";
import type { DiskLocation } from "../tree/tree.ts";
import { askStore, type StoreAnswer } from "./ask-store.ts";
import { nameOf, nobodyGives, nobodyHas, withName } from "./chain-errors.ts";
import type { OpenTrees, OpenTreesOptions, Protection, Store, StoreCallOptions, Target } from "./store.ts";

/**
 * Several stores as one: each path is taken from the first that has it. A store that fails is passed by, with a word, as Nix
 * does with substituters; what none of the others has is an error that says what each of them said.
 */
export class StoreChain implements Store {
  readonly storeDir: string;
  readonly #stores: readonly Store[];
  readonly #onReplaced: (notice: string) => void;
  readonly #owners = new Map<StorePath, Store>();
  readonly #infos = new Map<StorePath, PathInfo>();
  /** Of paths that could not be had from stores that have them: those stores, and why. */
  readonly #failures = new Map<StorePath, Map<Store, NixError>>();
  /** Stores that turned out not to be on this machine. */
  readonly #absent = new Set<Store>();
  /** Stores that failed altogether, and why: nothing more is asked of them. */
  readonly #failed = new Map<Store, NixError>();
  readonly #told = new Set<string>();

  /**
   * @param stores one at least, all of one store directory
   * @param onReplaced told, for people, where one of them fails, or a path could not be had from it, and another is taken
   */
  constructor(stores: readonly [Store, ...Store[]], onReplaced?: (notice: string) => void) {
    this.#stores = stores;
    this.#onReplaced = onReplaced ?? (() => {});
    this.storeDir = stores[0].storeDir;
  }

  /** In the first store that has something there; where none has it on a disk, by its name. */
  async resolveTarget(target: string): Promise<Target> {
    let failure: unknown;
    for (const store of this.#stores) {
      try {
        return await store.resolveTarget(target);
      } catch (error) {
        if (!(error instanceof NixError) || error.code !== "target-missing") throw error;
        failure ??= error;
      }
    }
    throw failure;
  }

  async queryClosure(roots: readonly StorePath[], options: StoreCallOptions = {}): Promise<Closure> {
    const found = new Map<StorePath, PathInfo>();
    for (let wanted = [...new Set(roots)]; wanted.length > 0;) {
      const { infos, missing } = await this.#ask(wanted, options);
      const [first] = missing;
      if (first !== undefined) throw this.#missing(first.path, first.refusals);
      for (const info of infos) found.set(info.path, info);
      const references = infos.flatMap((info) => info.references);
      wanted = [...new Set(references)].filter((path) => !found.has(path));
    }
    return makeClosure(this.storeDir, roots, [...found.values()]);
  }

  async queryValid(paths: readonly StorePath[], options: StoreCallOptions = {}): Promise<PathInfo[]> {
    const { infos, missing } = await this.#ask([...new Set(paths)], options);
    // A store that failed may have it: "not valid" would be a guess.
    const unknown = missing.find(
      ({ refusals }) =>
        this.#failed.size > 0 || refusals.values().some(({ code }) => code !== "cache-untrusted"),
    );
    if (unknown !== undefined) throw this.#missing(unknown.path, unknown.refusals);
    return infos;
  }

  async protect(roots: readonly StorePath[], options: StoreCallOptions = {}): Promise<Protection> {
    const protections: Protection[] = [];
    for (const { store, paths } of await this.#byOwner(roots, options))
      protections.push(await store.protect(paths, options));
    return {
      warning: protections.find(({ warning }) => warning !== undefined)?.warning,
      async [Symbol.asyncDispose]() {
        for (const protection of protections) await protection[Symbol.asyncDispose]();
      },
    };
  }

  async findPackages(names: readonly string[], options: StoreCallOptions = {}): Promise<StorePath[]> {
    const found: StorePath[] = [];
    for (const store of this.#present()) {
      const paths = await this.#orPassedBy(store, () => store.findPackages(names, options));
      for (const path of paths ?? []) if (!found.includes(path)) found.push(path);
    }
    return found;
  }

  /** Known of paths that were asked for. */
  locateTree(path: StorePath): DiskLocation | undefined {
    return this.#owners.get(path)?.locateTree(path);
  }

  async *readNar(path: StorePath, options: OpenTreesOptions = {}): AsyncGenerator<Uint8Array> {
    const [group] = await this.#byOwner([path], options);
    if (group === undefined) throw this.#missing(path);
    try {
      yield* group.store.readNar(path, options);
    } catch (error) {
      throw await this.#replace(path, { from: group.store, error, options });
    }
  }

  expectNars(paths: readonly StorePath[], options: OpenTreesOptions = {}): void {
    for (const store of this.#present()) {
      const own = paths.filter((path) => this.#owners.get(path) === store);
      store.expectNars(own, options);
    }
  }

  async openTrees(paths: readonly StorePath[], options: OpenTreesOptions = {}): Promise<OpenTrees> {
    for (;;) {
      const groups = await this.#byOwner(paths, options);
      const missing = paths.find((path) => !this.#owners.has(path));
      if (missing !== undefined) throw this.#missing(missing);
      try {
        return await openGroups(groups, options);
      } catch (error) {
        const path = error instanceof NixError ? paths.find((each) => each === error.path) : undefined;
        const from = groups.find((group) => path !== undefined && group.paths.includes(path))?.store;
        if (path === undefined || from === undefined) throw error;
        const told = await this.#replace(path, { from, error, options });
        if (!(told instanceof NixError) || told.code !== "nar-replaced") throw told;
      }
    }
  }

  /**
   * Looks for another store with the very NAR that could not be had, which it is taken from then; where the first failed
   * altogether, so is all else of it.
   * @returns what to throw: `nar-replaced`, or why nobody gives the path
   */
  async #replace(
    path: StorePath,
    {
      from,
      error,
      options,
    }: { readonly from: Store; readonly error: unknown; readonly options: OpenTreesOptions },
  ): Promise<unknown> {
    options.signal?.throwIfAborted();
    if (!(error instanceof NixError) || !mayBeElsewhere(error)) return error;
    const failures = this.#failures.get(path) ?? new Map<Store, NixError>();
    this.#failures.set(path, failures.set(from, error));
    const isWhole = error.code === "cache-failed";
    if (isWhole) this.#failed.set(from, error);
    const owned = isWhole
      ? [...this.#owners.keys()].filter((each) => this.#owners.get(each) === from)
      : [path];
    // Who failed at the same time may have found another one by now.
    if (this.#owners.get(path) === from) await this.#takeElsewhere(owned, from, options);
    const owner = this.#owners.get(path);
    if (owner === undefined || owner === from) return nobodyGives(path, [...failures.values()], error);
    const why = error.message.includes(path) ? error.message : `${path}: ${error.message}`;
    const notice = `${why}; taken from ${nameOf(owner)}${owned.length > 1 ? ", and so is all else that is there" : ""}`;
    this.#tell(notice, isWhole ? from : notice);
    return new NixError("nar-replaced", notice, { path, cause: error, hint: "Try again." });
  }

  /** Gives paths of one store to others that have the very same NARs. */
  async #takeElsewhere(paths: readonly StorePath[], from: Store, options: StoreCallOptions): Promise<void> {
    for (const other of this.#present()) {
      const left = paths.filter(
        (path) => this.#owners.get(path) === from && this.#failures.get(path)?.has(other) !== true,
      );
      if (other === from || left.length === 0) continue;
      const { infos = [] } = (await this.#orPassedBy(other, () => askStore(other, left, options))) ?? {};
      for (const found of infos) {
        const known = this.#infos.get(found.path);
        const isWanted = this.#owners.get(found.path) === from && left.includes(found.path);
        if (isWanted && known !== undefined && isSameNar(found, known)) this.#owners.set(found.path, other);
      }
    }
  }

  /** Asks one store after another for what those before do not have, or have and nobody vouches for. */
  async #ask(
    paths: readonly StorePath[],
    options: StoreCallOptions,
  ): Promise<{ infos: PathInfo[]; missing: { path: StorePath; refusals: Refusals }[] }> {
    const infos: PathInfo[] = [];
    const refused = new Map<StorePath, Map<Store, NixError>>();
    let left: readonly StorePath[] = paths;
    for (const store of this.#present()) {
      if (left.length === 0) break;
      const answer = await this.#orPassedBy(store, () => askStore(store, left, options));
      for (const info of answer?.infos ?? []) {
        infos.push(info);
        this.#owners.set(info.path, store);
        this.#infos.set(info.path, info);
      }
      for (const [path, error] of answer?.refused ?? [])
        refused.set(path, (refused.get(path) ?? new Map<Store, NixError>()).set(store, error));
      const found = new Set(infos.map(({ path }) => path));
      left = left.filter((path) => !found.has(path));
    }
    if (left.length === 0) this.#tellOfRefusals(refused);
    return { infos, missing: left.map((path) => ({ path, refusals: refused.get(path) ?? new Map() })) };
  }

  /** Told only where others have all: else it is part of an error. */
  #tellOfRefusals(refused: ReadonlyMap<StorePath, Refusals>): void {
    for (const [store, error] of this.#failed)
      this.#tell(`${withName(store, error)}; it is not asked any more, and other stores are`, store);
    for (const [path, refusals] of refused) {
      const owner = nameOf(this.#owners.get(path) as Store);
      for (const [store, error] of refusals) {
        const why = error.message.includes(path) ? error.message : `${path}: ${error.message}`;
        // Whose key nobody trusts says nothing that counts: once is enough.
        const about = error.code === "cache-untrusted" ? `untrusted ${nameOf(store)}` : undefined;
        this.#tell(`${why}; taken from ${owner}`, about);
      }
    }
  }

  /** @param about what is told of once; the words themselves by default */
  #tell(notice: string, about: string | Store = notice): void {
    const key = typeof about === "string" ? about : `failed ${nameOf(about)}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#onReplaced(notice);
  }

  async #byOwner(paths: readonly StorePath[], options: StoreCallOptions): Promise<Group[]> {
    await this.#ask(
      paths.filter((path) => !this.#owners.has(path)),
      options,
    );
    return this.#stores
      .map((store) => ({ store, paths: paths.filter((path) => this.#owners.get(path) === store) }))
      .filter((group) => group.paths.length > 0);
  }

  #present(): readonly Store[] {
    return this.#stores.filter((store) => !this.#absent.has(store) && !this.#failed.has(store));
  }

  /** What a store says; undefined where it fails altogether, or is one of this machine and there is no Nix. */
  async #orPassedBy<T extends object>(store: Store, ask: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer: T & Partial<StoreAnswer> = await ask();
      if (answer.failure !== undefined) this.#failed.set(store, answer.failure);
      return answer;
    } catch (error) {
      if (!(error instanceof NixError)) throw error;
      if (error.code === "nix-missing") this.#absent.add(store);
      else if (error.code === "store-unavailable") this.#failed.set(store, error);
      else throw error;
      if (this.#absent.size === this.#stores.length) throw error;
      return undefined;
    }
  }

  #missing(path: StorePath, refusals: Refusals = new Map()): NixError {
    return nobodyHas(path, this.#stores, new Map([...refusals, ...this.#failed]));
  }
}

/** What stores said instead of giving a path. */
type Refusals = ReadonlyMap<Store, NixError>;

interface Group {
  readonly store: Store;
  readonly paths: readonly StorePath[];
}

async function openGroups(groups: readonly Group[], options: OpenTreesOptions): Promise<OpenTrees> {
  const opened: OpenTrees[] = [];
  const trees = new Map<StorePath, OpenTrees>();
  const close = async (): Promise<void> => {
    for (const each of opened) await each[Symbol.asyncDispose]();
  };
  try {
    for (const { store, paths: own } of groups) {
      const open = await store.openTrees(own, options);
      opened.push(open);
      for (const path of own) trees.set(path, open);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    locate: (path) => (trees.get(path) as OpenTrees).locate(path),
    [Symbol.asyncDispose]: close,
  };
}

/** Whether a failure is about one cache's copy of a path. */
function mayBeElsewhere({ code }: NixError): boolean {
  return code === "cache-failed" || code === "cache-corrupted" || code === "nar-invalid";
}

function isSameNar(one: PathInfo, other: PathInfo): boolean {
  return one.narHash === other.narHash && one.narSize === other.narSize;
}
