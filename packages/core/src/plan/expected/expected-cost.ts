import type { StorePath } from "@stowage/nix";
import type { ClosureGraph } from "../../graph/closure-graph.ts";
import { modelChanges, unitsByPosition, weightOfAll } from "./change-model.ts";
import { layerCost } from "./layer-cost.ts";
import type { ChangeHistory } from "./rates.ts";

/**
 * Prices layers as the `expected` layering does: bytes per release that a layer of some paths of the closure costs.
 * The cost of a plan is the sum of its layers'.
 */
export function expectedCost(
  graph: ClosureGraph,
  history?: ChangeHistory,
): (paths: readonly StorePath[]) => number {
  const model = modelChanges(graph, history);
  const unitOf = unitsByPosition(model);
  return (paths) => {
    const units = [...new Set(paths.map((path) => unitOf.get(graph.positionOf(path) as number) as number))];
    const size = units.reduce((sum, unit) => sum + (model.sizes[unit] as number), 0);
    return layerCost(model.likelihood(weightOfAll(model, units)), size);
  };
}
