import { makeClosure, type StorePath } from "@stowage/nix";
import { buildGraph, infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import { unreferenced } from "../graph/unreferenced.ts";

/**
 * The part of a closure that needs layers: without the paths that the image below has. What they change changes with
 * another base, which is another upgrade.
 */
export function outsideBase(graph: ClosureGraph, inBase: ReadonlySet<StorePath> | undefined): ClosureGraph {
  if (inBase === undefined || inBase.size === 0) return graph;
  const infos = graph.infos
    .filter(({ path }) => !inBase.has(path))
    .map((info) => ({ ...info, references: info.references.filter((path) => !inBase.has(path)) }));
  const roots = graph.roots.map((root) => infoAt(graph, root).path).filter((path) => !inBase.has(path));
  const outside = buildGraph(makeClosure(graph.storeDir, roots, infos));
  return roots.length === 0 ? { ...outside, roots: unreferenced(outside) } : outside;
}

/** Layers that somebody decided with no base in mind, without what the base has. */
export function layersOutsideBase(
  layers: readonly (readonly StorePath[])[] | undefined,
  inBase: ReadonlySet<StorePath> | undefined,
): readonly (readonly StorePath[])[] | undefined {
  return inBase === undefined ? layers : layers?.map((layer) => layer.filter((path) => !inBase.has(path)));
}
