import { NixError } from "../errors.ts";
import { makeClosure } from "../make-closure.ts";
import type { Closure, PathInfo } from "../path-info.ts";
import type { StorePath } from "../store-path.ts";
import type { DiskLocation } from "../tree/tree.ts";
import { BinaryCacheStore } from "./binary-cache.ts";
import type { OpenTrees, OpenTreesOptions, Protection, Store, StoreCallOptions, Target } from "./store.ts";

/** Several stores as one: each path is taken from the first that has it. */
export class StoreChain implements Store {
  readonly storeDir: string;
  readonly #stores: readonly Store[];
  readonly #onReplaced: ((notice: string) => void) | undefined;
  readonly #owners = new Map<StorePath, Store>();
  readonly #infos = new Map<StorePath, PathInfo>();
  /** Of paths that could not be had from stores that have them: those stores, and why. */
  readonly #failures = new Map<StorePath, Map<Store, NixError>>();
  /** Stores that turned out not to be on this machine. */
  readonly #absent = new Set<Store>();

  /**
   * @param stores one at least, all of one store directory
   * @param onReplaced told, for people, where a path could not be had from one of them and is taken from another
   */
  constructor(stores: readonly [Store, ...Store[]], onReplaced?: (notice: string) => void) {
    this.#stores = stores;
    this.#onReplaced = onReplaced;
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
      if (first !== undefined) throw first.error ?? this.#missing(first.path);
      for (const info of infos) found.set(info.path, info);
      const references = infos.flatMap((info) => info.references);
      wanted = [...new Set(references)].filter((path) => !found.has(path));
    }
    return makeClosure(this.storeDir, roots, [...found.values()]);
  }

  async queryValid(paths: readonly StorePath[], options: StoreCallOptions = {}): Promise<PathInfo[]> {
    return (await this.#ask([...new Set(paths)], options)).infos;
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
      const paths = await this.#orAbsent(store, () => store.findPackages(names, options));
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
      throw await this.#replace(path, error, options);
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
      try {
        return await this.#openOnce(paths, options);
      } catch (error) {
        const path = error instanceof NixError ? paths.find((each) => each === error.path) : undefined;
        const told = path === undefined ? error : await this.#replace(path, error, options);
        if (!(told instanceof NixError) || told.code !== "nar-replaced") throw told;
      }
    }
  }

  async #openOnce(paths: readonly StorePath[], options: OpenTreesOptions): Promise<OpenTrees> {
    const groups = await this.#byOwner(paths, options);
    const missing = paths.find((path) => !this.#owners.has(path));
    if (missing !== undefined) throw this.#missing(missing);
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

  /**
   * Looks for another store with the very NAR that could not be had, which it is taken from then.
   * @returns what to throw: `nar-replaced`, or why nobody gives the path
   */
  async #replace(path: StorePath, error: unknown, options: OpenTreesOptions): Promise<unknown> {
    const [store, info] = [this.#owners.get(path), this.#infos.get(path)];
    options.signal?.throwIfAborted();
    if (!(error instanceof NixError) || !mayBeElsewhere(error) || !store || !info) return error;
    const failures = this.#failures.get(path) ?? new Map<Store, NixError>();
    this.#failures.set(path, failures.set(store, error));
    for (const other of this.#present()) {
      if (failures.has(other)) continue;
      const answers = await this.#orAbsent(other, () => askOne(other, [path], options)).catch(() => []);
      options.signal?.throwIfAborted();
      const found = answers?.find((answer) => !(answer instanceof NixError) && answer.path === path);
      if (found === undefined || found instanceof NixError || !isSameNar(found, info)) continue;
      this.#owners.set(path, other);
      const why = error.message.includes(path) ? error.message : `${path}: ${error.message}`;
      const notice = `${why}; taken from ${nameOf(other)}`;
      this.#onReplaced?.(notice);
      return new NixError("nar-replaced", notice, { path, cause: error, hint: "Try again." });
    }
    return nobodyGives(path, [...failures.values()], error);
  }

  /** Asks one store after another for what those before do not have, or have and nobody vouches for. */
  async #ask(
    paths: readonly StorePath[],
    options: StoreCallOptions,
  ): Promise<{ infos: PathInfo[]; missing: { path: StorePath; error: NixError | undefined }[] }> {
    const infos: PathInfo[] = [];
    const untrusted = new Map<StorePath, NixError>();
    let left: readonly StorePath[] = paths;
    for (const store of this.#present()) {
      if (left.length === 0) break;
      const answers = await this.#orAbsent(store, () => askOne(store, left, options));
      for (const answer of answers ?? []) {
        if (answer instanceof NixError) untrusted.set(answer.path as StorePath, answer);
        else {
          infos.push(answer);
          this.#owners.set(answer.path, store);
          this.#infos.set(answer.path, answer);
        }
      }
      const found = new Set(infos.map(({ path }) => path));
      left = left.filter((path) => !found.has(path));
    }
    return { infos, missing: left.map((path) => ({ path, error: untrusted.get(path) })) };
  }

  async #byOwner(
    paths: readonly StorePath[],
    options: StoreCallOptions,
  ): Promise<{ readonly store: Store; readonly paths: readonly StorePath[] }[]> {
    await this.#ask(
      paths.filter((path) => !this.#owners.has(path)),
      options,
    );
    return this.#stores
      .map((store) => ({ store, paths: paths.filter((path) => this.#owners.get(path) === store) }))
      .filter((group) => group.paths.length > 0);
  }

  #present(): readonly Store[] {
    return this.#stores.filter((store) => !this.#absent.has(store));
  }

  /** A store of this machine is left out where there is no Nix, and others can be asked. */
  async #orAbsent<T>(store: Store, ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof NixError) || error.code !== "nix-missing") throw error;
      this.#absent.add(store);
      if (this.#present().length === 0) throw error;
      return undefined;
    }
  }

  #missing(path: StorePath): NixError {
    const caches = this.#stores.filter((store) => store instanceof BinaryCacheStore);
    const refused = caches.some((cache) => cache.refusal(path) !== undefined);
    const names = caches.map((cache) => {
      const refusal = cache.refusal(path);
      return refusal === undefined ? cache.name : `${cache.name} (it answers ${refusal})`;
    });
    const asked = caches.length < this.#stores.length ? [THIS_MACHINE, ...names] : names;
    return new NixError(
      refused ? "cache-failed" : "path-invalid",
      `${path} is in none of the stores: ${asked.join(", ")}`,
      {
        path,
        hint: "Copy it to one of them (nix copy --to), or name a further one with --store.",
      },
    );
  }
}

const THIS_MACHINE = "this machine's store";

function nameOf(store: Store): string {
  return store instanceof BinaryCacheStore ? store.name : THIS_MACHINE;
}

/** Whether a failure is about one cache's copy of a path. */
function mayBeElsewhere({ code }: NixError): boolean {
  return code === "cache-failed" || code === "cache-corrupted" || code === "nar-invalid";
}

function isSameNar(one: PathInfo, other: PathInfo): boolean {
  return one.narHash === other.narHash && one.narSize === other.narSize;
}

function nobodyGives(path: StorePath, failures: readonly NixError[], last: NixError): NixError {
  if (failures.length === 1) return last;
  const reasons = failures.map(({ message }) => message).join("; ");
  return new NixError(last.code, `${path} cannot be had from any of ${failures.length} stores: ${reasons}`, {
    path,
    cause: last,
    hint: "They were damaged on their way or in the caches: try again, or name a further cache with --store.",
  });
}

/** What a store knows of paths; of a path that nobody vouches for, that. */
async function askOne(
  store: Store,
  paths: readonly StorePath[],
  options: StoreCallOptions,
): Promise<readonly (PathInfo | NixError)[]> {
  if (!(store instanceof BinaryCacheStore)) {
    const valid = await store.queryValid(paths, options);
    // What a valid path refers to is valid there.
    return valid.length === 0
      ? []
      : (
          await store.queryClosure(
            valid.map(({ path }) => path),
            options,
          )
        ).paths;
  }
  const answers = await Promise.all(
    paths.map(async (path) => {
      try {
        return await store.queryValid([path], options);
      } catch (error) {
        if (error instanceof NixError && error.code === "cache-untrusted") return [error];
        throw error;
      }
    }),
  );
  return answers.flat();
}
