import type { ClosureGraph } from "./closure-graph.ts";
import { condense, type Condensation } from "./condensation.ts";
import { findDominators, type DominatorTree } from "./dominators.ts";
import { LANES } from "./lanes.ts";

/** The sizes of a closure's paths, by position, in bytes of NAR. Exact up to 2^53 bytes. */
export interface Sizes {
  readonly narSize: Float64Array;
  /** The path with everything it needs. */
  readonly closureSize: Float64Array;
  /** What the closure would lose if the path were not entered: what every chain from the roots needs it for. */
  readonly addedSize: Float64Array;
  /** All paths together. */
  readonly total: number;
}

/** Each path's own size, with all it needs, and alone responsible for. */
export function computeSizes(graph: ClosureGraph, dominators: DominatorTree = findDominators(graph)): Sizes {
  const narSize = Float64Array.from(graph.infos, (info) => info.narSize);
  return {
    narSize,
    closureSize: closureSizes(condense(graph), narSize),
    addedSize: retainedSizes(dominators, narSize),
    total: narSize.reduce((sum, size) => sum + size, 0),
  };
}

/** What each position retains in the dominator tree: its own weight with that of all it dominates. 0 where unreached. */
export function retainedSizes({ immediate, order }: DominatorTree, weights: Float64Array): Float64Array {
  const retained = new Float64Array(weights.length);
  for (let index = order.length - 1; index >= 0; index--) {
    const position = order[index] as number;
    const own = (retained[position] as number) + (weights[position] as number);
    retained[position] = own;
    const above = immediate[position] as number;
    if (above >= 0) retained[above] = (retained[above] as number) + own;
  }
  return retained;
}

/**
 * Closure sizes, exact: 32 paths at a time are followed up to what needs them, one bit for each. That takes
 * references x paths / 64 steps on small arrays: 45 ms for 12,000 paths with 110,000 references, where a search for
 * each path takes seconds and a bit set for each path 18 MB.
 */
function closureSizes(
  { count, componentOf, offsets, targets }: Condensation,
  narSize: Float64Array,
): Float64Array {
  const weights = new Float64Array(count);
  for (const [position, size] of narSize.entries()) {
    const component = componentOf[position] as number;
    weights[component] = (weights[component] as number) + size;
  }
  const sums = new Float64Array(count);
  const masks = new Int32Array(count);
  const tables = Array.from({ length: 4 }, () => new Float64Array(256)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const [table0, table1, table2, table3] = tables;
  for (let first = 0; first < count; first += LANES) {
    for (const [byte, table] of tables.entries()) fillTable(table, weights, first + byte * 8);
    // Lower numbers than the first cannot need it: edges lead to lower numbers.
    for (let component = first; component < count; component++) {
      let mask = component < first + LANES ? 1 << (component - first) : 0;
      const end = offsets[component + 1] as number;
      for (let edge = offsets[component] as number; edge < end; edge++) {
        const target = targets[edge] as number;
        if (target >= first) mask |= masks[target] as number;
      }
      masks[component] = mask;
      if (mask === 0) continue;
      sums[component] =
        (sums[component] as number) +
        (table0[mask & 255] as number) +
        (table1[(mask >>> 8) & 255] as number) +
        (table2[(mask >>> 16) & 255] as number) +
        (table3[mask >>> 24] as number);
    }
  }
  return narSize.map((_, position) => sums[componentOf[position] as number] as number);
}

/** For each of the 256 sets of eight components the sum of their weights. */
function fillTable(table: Float64Array, weights: Float64Array, first: number): void {
  for (let set = 1; set < 256; set++) {
    const lowest = 31 - Math.clz32(set & -set);
    table[set] = (table[set & (set - 1)] as number) + (weights[first + lowest] ?? 0);
  }
}
