import type { ClosureGraph } from "../graph/closure-graph.ts";
import { condense } from "../graph/condensation.ts";
import { LANES, lanesOf } from "../graph/lanes.ts";
import { reachable } from "../graph/traverse.ts";

/** Positions of which one could stand for all. */
export interface Merge {
  readonly kept: number;
  readonly others: readonly number[];
}

/**
 * For each merge, taken on its own, the bytes of NAR that the roots no longer reach when every reference (and root)
 * that is one of the others becomes the kept position instead. Exact; {@link LANES} merges are followed at a time.
 */
export function mergedSavings(graph: ClosureGraph, merges: readonly Merge[]): number[] {
  const order = dependentsFirst(graph);
  const reached = reachable(graph.references, graph.roots);
  const savings: number[] = [];
  for (let first = 0; first < merges.length; first += LANES) {
    savings.push(...savingsOfBatch(graph, { order, reached, merges: merges.slice(first, first + LANES) }));
  }
  return savings;
}

/** An order in which few references lead backwards: none but those on cycles. */
function dependentsFirst(graph: ClosureGraph): Uint32Array {
  const { componentOf } = condense(graph);
  const component = (position: number): number => componentOf[position] as number;
  return Uint32Array.from(graph.infos.keys()).toSorted((a, b) => component(b) - component(a) || a - b);
}

interface Batch {
  readonly order: Uint32Array;
  readonly reached: Uint8Array;
  readonly merges: readonly Merge[];
}

function savingsOfBatch(graph: ClosureGraph, { order, reached, merges }: Batch): number[] {
  const all = merges.length === LANES ? -1 : (1 << merges.length) - 1;
  /** In which lanes a position stands for nothing any more. */
  const replaced = new Int32Array(graph.infos.length);
  for (const [lane, { others }] of merges.entries()) {
    for (const other of others) replaced[other] = (replaced[other] as number) | (1 << lane);
  }
  const masks = new Int32Array(graph.infos.length);
  /** What a position still has to pass on to its references. */
  const pending = new Int32Array(graph.infos.length);
  let isSettled = false;
  const arrive = (position: number, mask: number): void => {
    const fresh = mask & ~(masks[position] as number);
    if (fresh === 0) return;
    masks[position] = (masks[position] as number) | fresh;
    pending[position] = (pending[position] as number) | fresh;
    isSettled = false;
  };
  const enter = (position: number, mask: number): void => {
    const redirected = mask & (replaced[position] as number);
    arrive(position, mask & ~redirected);
    for (const lane of lanesOf(redirected)) arrive((merges[lane] as Merge).kept, 1 << lane);
  };

  for (const root of graph.roots) enter(root, all);
  while (!isSettled) {
    isSettled = true;
    for (const position of order) {
      const mask = pending[position] as number;
      if (mask === 0) continue;
      pending[position] = 0;
      for (const reference of graph.references[position] as readonly number[]) enter(reference, mask);
    }
  }

  const savings = merges.map(() => 0);
  for (const [position, mask] of masks.entries()) {
    if (reached[position] === 0) continue;
    const { narSize } = graph.infos[position] as ClosureGraph["infos"][number];
    for (const lane of lanesOf(all & ~mask)) savings[lane] = (savings[lane] as number) + narSize;
  }
  return savings;
}
