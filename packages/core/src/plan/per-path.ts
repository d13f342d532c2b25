import { dependenciesFirst } from "../graph/dependencies-first.ts";
import type { LayeringStrategy } from "./layer-plan.ts";

/**
 * One layer for each store path, dependencies below what needs them. Where there are more paths than layers, the
 * largest keep a layer of their own and the others share one at the top.
 */
export const perPath: LayeringStrategy = (graph, limits) => {
  const order = dependenciesFirst(graph);
  if (order.length <= limits.storeLayers) return order.map((position) => [position]);
  const narSize = (position: number): number => graph.infos[position]?.narSize ?? 0;
  const largest = new Set(
    order.toSorted((a, b) => narSize(b) - narSize(a) || a - b).slice(0, limits.storeLayers - 1),
  );
  const own = order.filter((position) => largest.has(position)).map((position) => [position]);
  return [...own, order.filter((position) => !largest.has(position))];
};
