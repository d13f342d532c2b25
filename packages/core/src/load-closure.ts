import { lstatSync } from "node:fs";
import {
  NixError,
  openExportedGraph,
  type Closure,
  type DiskLocation,
  type Store,
  type StorePath,
  type Target,
} from "@stowage/nix";
import type { ExportedGraph } from "@stowage/nix/internal";
import { findPaths } from "./analyze/find-paths.ts";
import { CoreError } from "./errors.ts";
import type { ImageClosure, ImageClosureOptions } from "./image-closure.ts";
import { oneStoreUrl, openStores, type StoreAccess } from "./open-stores.ts";
import { buildGraph, infoAt, type ClosureGraph } from "./graph/closure-graph.ts";
import { reachable } from "./graph/traverse.ts";
import { unreferenced } from "./graph/unreferenced.ts";

/** Where a closure comes from. */
export interface ClosureSource extends ImageClosureOptions, StoreAccess {
  /**
   * Result links, store paths, or paths inside one; or one image with store paths in it, also in a
   * registry. With `text` also words as {@link findPaths} takes them, and none means the roots that the text names, or all
   * that nothing else in it refers to.
   */
  readonly targets: readonly string[];
  /** An exported closure in any form that Nix prints, in place of a store. */
  readonly text?: string | undefined;
}

/** A closure, ready for every analysis. */
export interface LoadedClosure {
  readonly graph: ClosureGraph;
  /** The image it was read from. */
  readonly image?: ImageClosure;
  /** Where it was asked for. */
  readonly store: Store;
  /** The positions a word means, as {@link findPaths} says, or the path that a link on this machine leads to. */
  readonly find: (word: string) => Promise<number[]>;
  /** Where a path's files are on this machine; undefined where they are not here. */
  readonly locate: (path: StorePath) => DiskLocation | undefined;
  /**
   * Requires that the files of paths that lie on this machine by their store are there.
   * @throws CoreError `not-found`
   */
  readonly requireHere: (paths: readonly StorePath[]) => void;
  /**
   * Opens paths' trees; those that lie in a binary cache are brought here.
   * @throws CoreError `not-found` for what is not where it should be; NixError as the store does
   */
  readonly open: Store["openTrees"];
}

/**
 * Loads a closure from a store, or with no Nix at all from an exported text or an image.
 * @throws NixError for a target, a store or a text that cannot be read; OciError for an image
 * @throws CoreError `not-found` for a target that the text does not have; `option-invalid` without any target
 */
export async function loadClosure(source: ClosureSource): Promise<LoadedClosure> {
  if (source.text !== undefined) {
    const place = { url: oneStoreUrl(source.store), environment: source.environment };
    const exported = openExportedGraph(source.text, place);
    return loaded(exported, await loadExported(exported, source));
  }
  const store = openStores(source);
  const { graph, image } = await loadTargets(store, source);
  return { ...loaded(store, graph), ...(image === undefined ? {} : { image }) };
}

function loaded(store: Store, graph: ClosureGraph): LoadedClosure {
  return {
    graph,
    store,
    find: (word) => find(store, graph, word),
    locate: (path) => locateOnDisk(store, path),
    requireHere: (paths) => requireHere(store, paths),
    async open(paths, options) {
      requireHere(store, paths);
      return store.openTrees(paths, options);
    },
  };
}

/** What is in the store is asked of the store, also where it is an image. */
async function loadTargets(
  store: Store,
  source: ClosureSource,
): Promise<Pick<LoadedClosure, "graph" | "image">> {
  try {
    return { graph: buildGraph(await queryStore(store, source)) };
  } catch (error) {
    const [only = "", ...others] = source.targets;
    const isElsewhere =
      error instanceof NixError && ["target-not-in-store", "target-missing"].includes(error.code);
    if (!isElsewhere || others.length > 0) throw error;
    const { isImageWord, readImageClosure } = await import("./elsewhere.ts");
    if (!(await isImageWord(only))) throw error;
    const image = await readImageClosure(only, source);
    return { graph: buildGraph(image.closure), image };
  }
}

async function queryStore(store: Store, { targets, signal }: ClosureSource): Promise<Closure> {
  if (targets.length === 0) {
    throw new CoreError("option-invalid", "no target given", {
      hint: "Name a result link, a store path, or a path inside one; or give an exported closure.",
    });
  }
  const resolved: Target[] = [];
  for (const target of targets) resolved.push(await store.resolveTarget(target));
  const roots = new Set(resolved.map(({ storePath }) => storePath));
  const closure = await store.queryClosure([...roots], { signal });
  // What is on this machine was looked at when it was resolved.
  const inside = resolved.filter(
    ({ storePath, subpath }) => subpath !== "" && store.locateTree(storePath) === undefined,
  );
  if (inside.length > 0) {
    const { requireInsideStore } = await import("./elsewhere.ts");
    await requireInsideStore(store, inside, { paths: closure.paths.map(({ path }) => path), signal });
  }
  return closure;
}

async function loadExported(store: ExportedGraph, { targets, signal }: ClosureSource): Promise<ClosureGraph> {
  const whole = buildGraph(await store.queryAll({ signal }));
  if (targets.length === 0) return restrictTo(whole, rootsOf(store, whole));
  const roots: number[] = [];
  for (const target of targets) roots.push(...(await findTarget(store, whole, target)));
  return restrictTo(whole, [...new Set(roots)]);
}

/** What an exported closure is of, as positions: the roots it names, or all that nothing else in it refers to. */
function rootsOf(store: ExportedGraph, whole: ClosureGraph): number[] {
  return store.roots === undefined ? unreferenced(whole) : store.roots.map((root) => positionIn(whole, root));
}

function positionIn(graph: ClosureGraph, path: StorePath): number {
  const position = graph.positionOf(path);
  if (position !== undefined) return position;
  throw new NixError("format-invalid", `the root ${path} is not in the closure`, { path });
}

/** The part of a graph that some of its positions need. */
function restrictTo(graph: ClosureGraph, roots: readonly number[]): ClosureGraph {
  const needed = reachable(graph.references, roots);
  if (!needed.includes(0)) return { ...graph, roots };
  return buildGraph({
    storeDir: graph.storeDir,
    roots: roots.map((root) => infoAt(graph, root).path),
    paths: graph.infos.filter((_, position) => needed[position] === 1),
  });
}

async function findTarget(store: Store, graph: ClosureGraph, target: string): Promise<number[]> {
  const found = await find(store, graph, target);
  if (found.length > 0) return found;
  throw new CoreError("not-found", `'${target}' is not in the closure's text`, {
    path: target,
    hint: "Name a store path, a package, or nothing for all that nothing else refers to.",
  });
}

/** A word for paths of the closure, or something on this machine that leads to one. */
async function find(store: Store, graph: ClosureGraph, word: string): Promise<number[]> {
  const found = findPaths(graph, word);
  if (found.length > 0) return found;
  const resolved = await store.resolveTarget(word).catch(() => undefined);
  const position = resolved && graph.positionOf(resolved.storePath);
  return position === undefined ? [] : [position];
}

function requireHere(store: Store, paths: readonly StorePath[]): void {
  const gone = paths.find((path) => {
    return store.locateTree(path) !== undefined && locateOnDisk(store, path) === undefined;
  });
  if (gone === undefined) return;
  throw new CoreError("not-found", `${gone} is not on this machine, so its files cannot be read`, {
    path: gone,
    hint: "Ask where the store is, or name a binary cache that has it with --store.",
  });
}

function locateOnDisk(store: Store, path: StorePath): DiskLocation | undefined {
  const location = store.locateTree(path);
  const stats = location && lstatSync(location.directory, { throwIfNoEntry: false });
  return stats === undefined ? undefined : location;
}
