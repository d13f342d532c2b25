import type { ClosureGraph } from "./closure-graph.ts";

/**
 * All positions, each after everything it refers to; among those that are free at the same time the lower position
 * (the smaller path) first. Paths on a reference cycle, which Nix itself never makes, come last in path order.
 */
export function dependenciesFirst(graph: ClosureGraph): number[] {
  const waitingFor = graph.references.map((references) => references.length);
  let free = graph.infos.map((_, position) => position).filter((position) => waitingFor[position] === 0);
  const order: number[] = [];
  while (free.length > 0) {
    const next: number[] = [];
    for (const position of free) {
      order.push(position);
      for (const referrer of graph.referrers[position] as readonly number[]) {
        waitingFor[referrer] = (waitingFor[referrer] as number) - 1;
        if (waitingFor[referrer] === 0) next.push(referrer);
      }
    }
    free = next.toSorted((a, b) => a - b);
  }
  const placed = new Set(order);
  return [
    ...order,
    ...graph.infos.map((_, position) => position).filter((position) => !placed.has(position)),
  ];
}
