import { lstatSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { ClosureText, ListedPath } from "../closure-text/listed-path.ts";
import { parseClosureText } from "../closure-text/parse-closure-text.ts";
import { NixError } from "../errors.ts";
import { makeClosure } from "../make-closure.ts";
import { narChunks } from "../nar/nar-chunks.ts";
import { NarHasher, type NarMeasure } from "../nar/nar-hasher.ts";
import type { Closure, PathInfo } from "../path-info.ts";
import { storePathBaseName, type StorePath } from "../store-path.ts";
import { readDiskTree } from "../tree/disk-tree.ts";
import type { DiskLocation } from "../tree/tree.ts";
import { rankPackages } from "./rank-packages.ts";
import { resolveTarget } from "./resolve-target.ts";
import { locateStore, type StoreLocation } from "./store-location.ts";
import type { OpenTrees, Protection, Store, StoreCallOptions, Target } from "./store.ts";

/** A signal is not heard while files are hashed; this long it may have to wait. */
const BREATH_MILLISECONDS = 50;

/**
 * An exported closure as a store: the text says what is valid, the files are read where the store lies on this machine.
 * No program is run. So a build asks for its inputs inside Nix's sandbox (`exportReferencesGraph`), where there is no
 * database, and where nothing is collected.
 */
export class ExportedGraph implements Store {
  readonly storeDir: string;
  /** The roots that the text names, in its order; undefined where it only lists paths. */
  readonly roots: readonly StorePath[] | undefined;
  /** Whether the text says the NAR hash of each path; those it does not say are computed from the files as they are. */
  readonly hasHashes: boolean;
  readonly #listed: ReadonlyMap<StorePath, ListedPath>;
  readonly #location: StoreLocation;
  readonly #measured = new Map<StorePath, NarMeasure>();

  constructor(text: ClosureText, location: StoreLocation) {
    this.storeDir = text.storeDir;
    this.roots = text.roots;
    this.hasHashes = text.paths.every(({ nar }) => nar !== undefined);
    this.#listed = new Map(text.paths.map((listed) => [listed.path, listed]));
    this.#location = location;
  }

  async resolveTarget(given: string): Promise<Target> {
    const target = await resolveTarget(given, this.#location);
    this.#require(target.storePath);
    return target;
  }

  /** All that the text lists, without roots. @throws NixError `format-invalid` */
  queryAll(options: StoreCallOptions = {}): Promise<Closure> {
    return this.#closureOf([], this.#listed.values(), options);
  }

  async queryClosure(roots: readonly StorePath[], options: StoreCallOptions = {}): Promise<Closure> {
    const needed = new Map(roots.map((root) => [root, this.#require(root)]));
    // The map grows while it is walked; what a path refers to outside of the text is found by makeClosure.
    for (const { references } of needed.values()) {
      for (const reference of references) {
        const listed = this.#listed.get(reference);
        if (listed !== undefined) needed.set(reference, listed);
      }
    }
    return this.#closureOf(roots, needed.values(), options);
  }

  async queryValid(paths: readonly StorePath[], options: StoreCallOptions = {}): Promise<PathInfo[]> {
    const infos: PathInfo[] = [];
    for (const path of paths) {
      const listed = this.#listed.get(path);
      if (listed !== undefined) infos.push(await this.#complete(listed, options));
    }
    return infos;
  }

  /** Nothing is taken: whoever exported the closure holds it. */
  async protect(): Promise<Protection> {
    return { warning: undefined, [Symbol.asyncDispose]: async () => {} };
  }

  async findPackages(names: readonly string[]): Promise<StorePath[]> {
    return rankPackages([...this.#listed.keys()], names);
  }

  locateTree(path: StorePath): DiskLocation {
    return { directory: join(this.#location.physicalDir, storePathBaseName(path)) };
  }

  async openTrees(): Promise<OpenTrees> {
    return { locate: (path) => this.locateTree(path), [Symbol.asyncDispose]: async () => {} };
  }

  async *readNar(path: StorePath): AsyncGenerator<Uint8Array> {
    yield* narChunks(readDiskTree(this.locateTree(path)));
  }

  /** The files are here. */
  expectNars(): void {}

  #require(path: StorePath): ListedPath {
    const listed = this.#listed.get(path);
    if (listed !== undefined) return listed;
    throw new NixError("path-invalid", `${path} is not in the exported closure`, {
      path,
      hint: "Export the closure of what is to be packed: exportReferencesGraph lists the roots it is of.",
    });
  }

  async #closureOf(
    roots: readonly StorePath[],
    paths: Iterable<ListedPath>,
    options: StoreCallOptions,
  ): Promise<Closure> {
    const infos: PathInfo[] = [];
    for (const listed of paths) infos.push(await this.#complete(listed, options));
    return makeClosure(this.storeDir, roots, infos);
  }

  async #complete(
    { path, references, deriver, nar }: ListedPath,
    options: StoreCallOptions,
  ): Promise<PathInfo> {
    options.signal?.throwIfAborted();
    const { hash, size } = nar ?? (await this.#measure(path, options));
    return { path, narHash: hash, narSize: size, references, ...(deriver === undefined ? {} : { deriver }) };
  }

  /** A text without hashes and sizes gets them from the files, each path's once. */
  async #measure(path: StorePath, { signal }: StoreCallOptions): Promise<NarMeasure> {
    const known = this.#measured.get(path);
    if (known !== undefined) return known;
    const location = this.locateTree(path);
    if (lstatSync(location.directory, { throwIfNoEntry: false }) === undefined) {
      throw new NixError(
        "format-invalid",
        `the closure's text has no sizes, and ${path} is not on this machine`,
        { path, hint: "Export it with sizes: nix path-info --json --recursive, or nix-store --dump-db." },
      );
    }
    const measure = await hashTree(location, signal);
    this.#measured.set(path, measure);
    return measure;
  }
}

async function hashTree(location: DiskLocation, signal: AbortSignal | undefined): Promise<NarMeasure> {
  const hasher = new NarHasher();
  let last = performance.now();
  for (const entry of readDiskTree(location)) {
    hasher.begin(entry);
    for (const chunk of entry.type === "file" ? entry.chunks() : []) {
      hasher.contents(chunk);
      if (performance.now() - last < BREATH_MILLISECONDS) continue;
      await setImmediate();
      signal?.throwIfAborted();
      last = performance.now();
    }
  }
  return hasher.finish();
}

/**
 * Reads an exported closure, in any form that {@link parseClosureText} knows, as a store. The URL says where the files lie,
 * as for {@link openStore}; the text says in which store directory.
 * @throws NixError `format-invalid`, `path-invalid`, `store-unsupported`
 */
export function openExportedGraph(
  text: string,
  options: { readonly url?: string | undefined; readonly environment?: NodeJS.ProcessEnv | undefined } = {},
): ExportedGraph {
  const parsed = parseClosureText(text);
  const location = locateStore(options.url, options.environment ?? process.env);
  return new ExportedGraph(parsed, inStoreDir(location, parsed.storeDir));
}

function inStoreDir(location: StoreLocation, storeDir: string): StoreLocation {
  if (location.storeDir === storeDir) return location;
  return {
    ...location,
    storeDir,
    physicalDir: location.root === "" ? storeDir : join(location.root, storeDir),
  };
}
