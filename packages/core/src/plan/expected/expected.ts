import type { ClosureGraph } from "../../graph/closure-graph.ts";
import type { LayerLimits } from "../layer-plan.ts";
import { agglomerate } from "./agglomerate.ts";
import { modelChanges, weightOfAll, type ChangeModel } from "./change-model.ts";
import type { Cluster } from "./cluster.ts";
import { improve } from "./improve.ts";
import type { ChangeHistory } from "./rates.ts";

/**
 * The layering that is expected to send the fewest bytes per release, what each layer costs besides its paths counted.
 * From the bottom up what seldom changes comes first; within a layer paths are sorted, so that the same paths are the
 * same bytes.
 */
export function expected(graph: ClosureGraph, limits: LayerLimits, history?: ChangeHistory): number[][] {
  const model = modelChanges(graph, history);
  const start = model.units.map((_, unit) => ({ units: [unit], standing: 0 }));
  const merged = agglomerate(model, start, limits.storeLayers);
  const clusters = improve(model, merged, limits.storeLayers);
  return seldomFirst(model, clusters).map(({ units }) =>
    units.flatMap((unit) => [...(model.units[unit] as readonly number[])]).toSorted((a, b) => a - b),
  );
}

function seldomFirst(model: ChangeModel, clusters: readonly Cluster[]): Cluster[] {
  const ranked = clusters.map((cluster) => ({
    cluster,
    weight: weightOfAll(model, cluster.units),
    first: Math.min(...cluster.units),
  }));
  return ranked.toSorted((a, b) => a.weight - b.weight || a.first - b.first).map(({ cluster }) => cluster);
}
