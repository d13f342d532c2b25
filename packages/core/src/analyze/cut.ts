import type { StorePath } from "@stowage/nix";
import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import { condense } from "../graph/condensation.ts";
import { findDominators, type DominatorTree } from "../graph/dominators.ts";
import { retainedSizes } from "../graph/sizes.ts";
import { distances } from "../graph/traverse.ts";

/** One reference that could be removed. */
export interface Cut {
  readonly from: StorePath;
  readonly to: StorePath;
  /** Steps from the nearest root to `from`: 0 for a root's own references. */
  readonly depth: number;
  /** Bytes of NAR that the roots no longer reach once this one reference is gone. */
  readonly saves: number;
  /** How many paths that is. */
  readonly paths: number;
}

/** How far from the roots references are weighed. */
export interface CutOptions {
  /** References of paths up to so many steps below a root; default 2, so that a wrapper's contents are seen. */
  readonly depth?: number | undefined;
}

/**
 * What removing each reference near the roots would save, largest first, what saves nothing left out.
 *
 * A reference saves what every chain from the roots needs it for. That is nothing where another reference also leads
 * to the same path (or a root is that path), and all that the path retains in the dominator tree where none does: a
 * reference that only comes from behind the path itself, on a cycle, does not count as another.
 */
export function adviseCuts(graph: ClosureGraph, options: CutOptions = {}): Cut[] {
  const dominators = findDominators(graph);
  const bytes = retainedSizes(
    dominators,
    Float64Array.from(graph.infos, (info) => info.narSize),
  );
  const counts = retainedSizes(dominators, new Float64Array(graph.infos.length).fill(1));
  const isBehind = behind(graph, dominators);
  const isRoot = new Set(graph.roots);
  const depths = distances(graph.references, graph.roots);
  const deepest = options.depth ?? 2;

  const cuts: Cut[] = [];
  for (const [to, referrers] of graph.referrers.entries()) {
    if (isRoot.has(to)) continue;
    const entries = referrers.filter((from) => depths[from] !== -1 && !isBehind(from, to));
    const [from] = entries;
    if (from === undefined || entries.length > 1 || (depths[from] as number) > deepest) continue;
    cuts.push({
      from: infoAt(graph, from).path,
      to: infoAt(graph, to).path,
      depth: depths[from] as number,
      saves: bytes[to] as number,
      paths: counts[to] as number,
    });
  }
  return cuts.toSorted((a, b) => b.saves - a.saves || (a.to < b.to ? -1 : 1));
}

/** Whether every chain from the roots to one position passes the other, which the first refers to. */
function behind(
  graph: ClosureGraph,
  { immediate, order }: DominatorTree,
): (position: number, other: number) => boolean {
  const { componentOf } = condense(graph);
  const place = new Int32Array(immediate.length);
  for (const [index, position] of order.entries()) place[position] = index;
  return (position, other) => {
    if (componentOf[position] !== componentOf[other]) return false;
    let above = position;
    // A dominator comes before what it dominates.
    while (above >= 0 && (place[above] as number) > (place[other] as number))
      above = immediate[above] as number;
    return above === other;
  };
}
