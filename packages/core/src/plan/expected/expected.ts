import { infoAt, type ClosureGraph } from "../../graph/closure-graph.ts";
import type { LayerLimits, PlanKnowledge } from "../layer-plan.ts";
import { agglomerate } from "./agglomerate.ts";
import { modelChanges, unitsByPosition, weightOfAll, type ChangeModel } from "./change-model.ts";
import type { Cluster } from "./cluster.ts";
import { improve } from "./improve.ts";

/**
 * The layering that is expected to send the fewest bytes per release, what each layer costs besides its paths counted.
 *
 * From the bottom up: layers that are kept as they were, in their old order; then what seldom changes comes first.
 * Within a new layer paths are sorted, so that the same paths are the same bytes.
 */
export function expected(
  graph: ClosureGraph,
  limits: LayerLimits,
  { history, standing = [] }: PlanKnowledge = {},
): number[][] {
  const model = modelChanges(graph, history);
  const kept = standingClusters(graph, model, standing);
  const merged = agglomerate(model, [...kept.keys(), ...unitsOutside(model, kept)], limits.storeLayers);
  const clusters = improve(model, merged, limits.storeLayers);
  const stayed = new Set(clusters.flatMap(({ units, standing: bytes }) => (bytes > 0 ? units : [])));
  const layers = [...kept].flatMap(([{ units }, layer]) => (stayed.has(units[0] as number) ? [layer] : []));
  const made = clusters.filter(({ standing: bytes }) => bytes === 0);
  return [...layers, ...seldomFirst(model, made).map((cluster) => pathsOf(model, cluster))];
}

/** The layers that can be kept, each with the cluster that it is. A part of a reference cycle cannot. */
function standingClusters(
  graph: ClosureGraph,
  model: ChangeModel,
  standing: readonly (readonly number[])[],
): Map<Cluster, number[]> {
  const unitOf = unitsByPosition(model);
  const clusters = new Map<Cluster, number[]>();
  for (const layer of standing) {
    const units = [...new Set(layer.map((position) => unitOf.get(position) as number))];
    const paths = units.reduce((sum, unit) => sum + (model.units[unit] as readonly number[]).length, 0);
    if (paths !== layer.length || layer.length === 0) continue;
    // An empty file still is a layer.
    const size = layer.reduce((sum, position) => sum + infoAt(graph, position).narSize, 0);
    clusters.set({ units, standing: Math.max(1, size) }, [...layer]);
  }
  return clusters;
}

function unitsOutside(model: ChangeModel, kept: ReadonlyMap<Cluster, unknown>): Cluster[] {
  const inside = new Set([...kept.keys()].flatMap(({ units }) => units));
  return [...model.units.keys()]
    .filter((unit) => !inside.has(unit))
    .map((unit) => ({ units: [unit], standing: 0 }));
}

function pathsOf(model: ChangeModel, { units }: Cluster): number[] {
  return units.flatMap((unit) => [...(model.units[unit] as readonly number[])]).toSorted((a, b) => a - b);
}

function seldomFirst(model: ChangeModel, clusters: readonly Cluster[]): Cluster[] {
  const ranked = clusters.map((cluster) => ({
    cluster,
    weight: weightOfAll(model, cluster.units),
    first: Math.min(...cluster.units),
  }));
  return ranked.toSorted((a, b) => a.weight - b.weight || a.first - b.first).map(({ cluster }) => cluster);
}
