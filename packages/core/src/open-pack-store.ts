import { lstatSync } from "node:fs";
import {
  NixError,
  openExportedGraph,
  storePathName,
  type Closure,
  type Store,
  type Target,
} from "@stowage/nix";
import type { ExportedGraph } from "@stowage/nix/internal";
import { findPaths } from "./analyze/find-paths.ts";
import { CoreError } from "./errors.ts";
import { buildGraph, infoAt, type ClosureGraph } from "./graph/closure-graph.ts";
import { unreferenced } from "./graph/unreferenced.ts";
import { oneStoreUrl, openStores, type StoreAccess } from "./open-stores.ts";
import type { PackOptions } from "./pack-options.ts";

/** Where a pack takes its paths from. */
export interface PackStore {
  readonly store: Store;
  /** @throws NixError, CoreError for what cannot be meant */
  resolveTargets(given: readonly string[]): Promise<Target[]>;
  /** Refuses a closure whose files are elsewhere. @throws CoreError `not-found` */
  requireFiles(closure: Closure): void;
  /** What the user should know of it. */
  readonly warning: string | undefined;
}

/**
 * The store of a pack: an exported closure, else what the URL or the environment names.
 * @throws NixError `format-invalid`, `store-unsupported`
 */
export function openPackStore(options: PackOptions & StoreAccess, environment: NodeJS.ProcessEnv): PackStore {
  const { graph, signal } = options;
  if (graph === undefined) {
    const store = openStores(options);
    return {
      store,
      resolveTargets: (given) => resolveEach(given, (target) => store.resolveTarget(target)),
      requireFiles: () => {},
      warning: undefined,
    };
  }
  const store = openExportedGraph(graph, { url: oneStoreUrl(options.store), environment });
  return {
    store,
    resolveTargets: async (given) => {
      const whole = buildGraph(await store.queryAll({ signal }));
      if (given.length === 0) return findRoots(store, whole);
      return resolveEach(given, (target) => resolveInGraph(store, whole, target));
    },
    requireFiles: (closure) => requireFiles(store, closure),
    warning: store.hasHashes
      ? undefined
      : "the exported closure has no NAR hashes: they are taken from the files as they are, so nothing checks these",
  };
}

async function resolveEach(
  given: readonly string[],
  resolve: (target: string) => Promise<Target>,
): Promise<Target[]> {
  if (given.length === 0) {
    throw new CoreError("option-invalid", "no target given", {
      hint: "Name what to pack: a result link, a store path, or a path inside one.",
    });
  }
  const targets: Target[] = [];
  for (const target of given) targets.push(await resolve(target));
  return targets;
}

/** The first target is the one that the image starts, so that of several roots an order must be said. */
async function findRoots(store: ExportedGraph, whole: ClosureGraph): Promise<Target[]> {
  const roots = store.roots ?? unreferenced(whole).map((position) => infoAt(whole, position).path);
  if (store.roots === undefined && roots.length > 1) {
    const names = roots.map((root) => storePathName(root)).toSorted();
    throw new CoreError(
      "option-invalid",
      `the exported closure has ${roots.length} roots, and does not say which is the first: ${names.join(", ")}`,
      { hint: "Name the targets, the one that the image starts first." },
    );
  }
  return resolveEach(roots, (root) => store.resolveTarget(root));
}

/** A path on this machine, or a word for one path of the closure. */
async function resolveInGraph(store: ExportedGraph, whole: ClosureGraph, given: string): Promise<Target> {
  try {
    return await store.resolveTarget(given);
  } catch (error) {
    const isWord = error instanceof NixError && !given.includes("/");
    const found = isWord ? findPaths(whole, given).map((position) => infoAt(whole, position).path) : [];
    const [path] = found;
    if (path === undefined) throw error;
    if (found.length > 1) {
      throw new CoreError("option-invalid", `'${given}' means ${found.length} paths of the closure`, {
        path: given,
        hint: `Name one of them: ${found.join(" ")}`,
      });
    }
    return { ...(await store.resolveTarget(path)), given };
  }
}

function requireFiles(store: ExportedGraph, { paths }: Closure): void {
  for (const { path } of paths) {
    const { directory } = store.locateTree(path);
    if (lstatSync(directory, { throwIfNoEntry: false }) !== undefined) continue;
    throw new CoreError("not-found", `${path} is not on this machine, so it cannot be packed`, {
      path,
      hint: "Pack where the store is; --store says where it lies.",
    });
  }
}
