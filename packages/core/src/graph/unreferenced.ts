import type { ClosureGraph } from "./closure-graph.ts";
import { condense } from "./condensation.ts";

/**
 * The positions that nothing else refers to: the roots of a closure that does not name its own. Of a reference cycle
 * that nothing outside refers to the first in path order stands for all. Every position is reached from these.
 */
export function unreferenced(graph: Pick<ClosureGraph, "references" | "referrers">): number[] {
  const { count, componentOf } = condense(graph);
  const firstOf = new Int32Array(count).fill(-1);
  const isReferenced = new Uint8Array(count);
  for (const [position, referrers] of graph.referrers.entries()) {
    const component = componentOf[position] as number;
    if (firstOf[component] === -1) firstOf[component] = position;
    if (referrers.some((referrer) => componentOf[referrer] !== component)) isReferenced[component] = 1;
  }
  return [...firstOf].filter((_, component) => isReferenced[component] === 0).toSorted((a, b) => a - b);
}
