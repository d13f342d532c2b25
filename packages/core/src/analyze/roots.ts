import type { StorePath } from "@stowage/nix";
import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import { condense } from "../graph/condensation.ts";
import { findDominators } from "../graph/dominators.ts";
import { sourcesReaching } from "../graph/lanes.ts";
import { computeSizes, retainedSizes } from "../graph/sizes.ts";

/** A path that a garbage collector root holds. */
export interface RootShare {
  readonly path: StorePath;
  /** The roots that point to it: links, processes, profiles; as the store names them. */
  readonly links: readonly string[];
  /** Bytes of NAR of all it keeps alive. */
  readonly closureSize: number;
  /**
   * Bytes of NAR that nothing else holds: what a collection would free if all links to this path were gone and nothing
   * else changed. 0 where another root needs the path.
   */
  readonly frees: number;
  /** How many paths that is. */
  readonly freesPaths: number;
  /** Other roots that keep this path alive too, the reason for freeing nothing. */
  readonly heldBy: readonly StorePath[];
}

/** What all roots hold together, and each on its own. */
export interface RootShares {
  /** The root that frees most first. */
  readonly roots: readonly RootShare[];
  /** Bytes of NAR that any root holds. */
  readonly total: number;
  /** Bytes of NAR that no single root's removal would free. */
  readonly shared: number;
}

/**
 * What only each root of a store holds, exact: the dominator tree under a virtual root above all roots says it for all
 * roots at once, except that a root which another root needs frees nothing.
 * @param graph all that the roots keep alive, an edge for each reason
 * @param links for each root's path what points to it
 */
export function shareRoots(
  graph: ClosureGraph,
  links: ReadonlyMap<StorePath, readonly string[]>,
): RootShares {
  const dominators = findDominators(graph);
  const { narSize, closureSize, addedSize } = computeSizes(graph, dominators);
  const counts = retainedSizes(dominators, new Float64Array(graph.infos.length).fill(1));
  const reaching = sourcesReaching(condense(graph), graph.roots, graph.roots);
  const roots = graph.roots.map((root): RootShare => {
    const holders = (reaching.get(root) as number[]).filter((holder) => holder !== root);
    const { path } = infoAt(graph, root);
    return {
      path,
      links: [...new Set(links.get(path))].toSorted(),
      closureSize: closureSize[root] as number,
      frees: holders.length === 0 ? (addedSize[root] as number) : 0,
      freesPaths: holders.length === 0 ? (counts[root] as number) : 0,
      heldBy: holders.map((holder) => infoAt(graph, holder).path).toSorted(),
    };
  });
  const total = dominators.order.reduce((sum, position) => sum + (narSize[position] as number), 0);
  return {
    roots: roots.toSorted(
      (a, b) => b.frees - a.frees || b.closureSize - a.closureSize || (a.path < b.path ? -1 : 1),
    ),
    total,
    shared: total - roots.reduce((sum, root) => sum + root.frees, 0),
  };
}
