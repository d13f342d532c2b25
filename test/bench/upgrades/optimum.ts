import { planLayers, type ClosureGraph } from "@stowage/core";
import { expectedCost } from "@stowage/core/internal";
import { generateGraph } from "./graphs.ts";

const PATHS = 12;

/** How near the planner comes to the cheapest of all plans. */
export interface OptimumRow {
  readonly layers: number;
  readonly graphs: number;
  /** On how many graphs it is the cheapest itself. */
  readonly reached: number;
  readonly mean: number;
  readonly worst: number;
}

/** Plans graphs of 12 paths, and finds the cheapest plan of each by trying all partitions. */
export function compareWithOptimum(graphs: number, limits: readonly number[] = [2, 3, 4, 6]): OptimumRow[] {
  return limits.map((layers) => {
    const ratios = Array.from({ length: graphs }, (_, index) =>
      ratio(generateGraph(PATHS, index + 1), layers),
    );
    return {
      layers,
      graphs,
      reached: ratios.filter((each) => each < 1 + 1e-9).length,
      mean: ratios.reduce((sum, each) => sum + each, 0) / graphs,
      worst: Math.max(...ratios),
    };
  });
}

function ratio(graph: ClosureGraph, layers: number): number {
  const cost = expectedCost(graph);
  const plan = planLayers(graph, { strategy: "expected", maxLayers: layers + 1, otherLayers: 1 });
  const planned = plan.layers.reduce((sum, layer) => sum + cost(layer), 0);
  const best = cheapestPartition(graph.infos.length, layers, (set) =>
    cost(graph.infos.filter((_, position) => ((set >> position) & 1) === 1).map(({ path }) => path)),
  );
  return planned / best;
}

/** The cost of the cheapest partition of some things into at most `limit` groups. `costOf` gets a group as bits. */
export function cheapestPartition(count: number, limit: number, costOf: (set: number) => number): number {
  const sets = 1 << count;
  const costs = Float64Array.from({ length: sets }, (_, set) => (set === 0 ? 0 : costOf(set)));
  // What each set costs at least in as many groups as there were rounds, or fewer.
  let best = new Float64Array(sets).fill(Number.POSITIVE_INFINITY);
  best[0] = 0;
  for (let groups = 0; groups < limit; groups++) {
    const next = best.slice();
    for (let set = 1; set < sets; set++) {
      // Each partition is met once: the group that is split off has the lowest thing.
      const lowest = set & -set;
      const others = set ^ lowest;
      for (let part = others; ; part = (part - 1) & others) {
        const cost = (costs[part | lowest] as number) + (best[others ^ part] as number);
        if (cost < (next[set] as number)) next[set] = cost;
        if (part === 0) break;
      }
    }
    best = next;
  }
  return best[sets - 1] as number;
}
