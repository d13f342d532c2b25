import type { StorePath } from "@stowage/nix";
import { packageOf } from "../analyze/package-of.ts";
import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import { modelChanges, unitsByPosition, weightOfAll } from "./expected/change-model.ts";
import { layerCost } from "./expected/layer-cost.ts";
import type { ChangeHistory } from "./expected/rates.ts";
import type { LayerPlan } from "./layer-plan.ts";

/**
 * Why the paths of a layer are together. `kept`: they were before; `change-together`: what changes one mostly changes
 * the others; `small`: layers of their own would cost more than they save; `limit`: there are no layers left.
 */
export type LayerReason = "alone" | "kept" | "change-together" | "small" | "limit";

/** One layer of a plan; sizes in bytes. */
export interface PlannedLayer {
  /** In layer order. */
  readonly paths: readonly StorePath[];
  readonly packages: readonly { readonly name: string; readonly version: string }[];
  readonly narSize: number;
  /** Of the layer's tar; see the plan's `sizes`. */
  readonly size: number;
  /** How likely a release sends it, from 0 to 1. */
  readonly likelihood: number;
  /** What it is expected to send per release. */
  readonly expectedBytes: number;
  readonly reason: LayerReason;
  readonly diffId?: string;
  readonly digest?: string;
}

/** Bytes that moving together may cost at most for it to be said that paths change together, of what they send. */
const LITTLE = 0.1;

/**
 * Describes each layer by the same model that `expected` plans with. `leastExpectedBytes` is what paths that change are
 * expected to have: no layers send less.
 * @param sizes bytes of each layer's tar
 * @param kept which layers are as they were
 */
export function describePlan(
  graph: ClosureGraph,
  plan: LayerPlan,
  {
    sizes,
    kept,
    history,
  }: {
    readonly sizes: readonly number[];
    readonly kept: readonly boolean[];
    readonly history?: ChangeHistory | undefined;
  },
): { readonly layers: PlannedLayer[]; readonly leastExpectedBytes: number } {
  const model = modelChanges(graph, history);
  const unitOf = unitsByPosition(model);
  const likelihoods = model.units.map((_, unit) => model.likelihood(weightOfAll(model, [unit])));
  const layers = plan.layers.map((paths, index): PlannedLayer => {
    const positions = paths.map((path) => graph.positionOf(path) as number);
    const units = [...new Set(positions.map((position) => unitOf.get(position) as number))];
    const narSize = positions.reduce((sum, position) => sum + infoAt(graph, position).narSize, 0);
    const likelihood = model.likelihood(weightOfAll(model, units));
    const size = sizes[index] as number;
    const alone = units.map((unit) => ({
      likelihood: likelihoods[unit] as number,
      size: model.sizes[unit] as number,
    }));
    return {
      paths,
      packages: packagesOf(graph, positions),
      narSize,
      size,
      likelihood,
      expectedBytes: Math.round(likelihood * size),
      reason: kept[index] === true ? "kept" : reasonFor({ likelihood, size: narSize }, alone),
    };
  });
  const least = model.units.reduce(
    (sum, unit, number) =>
      sum +
      (likelihoods[number] as number) *
        unit.reduce((size, position) => size + infoAt(graph, position).narSize, 0),
    0,
  );
  return { layers, leastExpectedBytes: Math.round(least) };
}

interface Share {
  readonly likelihood: number;
  readonly size: number;
}

function reasonFor(layer: Share, alone: readonly Share[]): LayerReason {
  if (alone.length === 1) return "alone";
  const dragged = alone.reduce(
    (sum, { likelihood, size }) => sum + (layer.likelihood - likelihood) * size,
    0,
  );
  if (dragged <= LITTLE * layer.likelihood * layer.size) return "change-together";
  const apart = alone.reduce((sum, { likelihood, size }) => sum + layerCost(likelihood, size), 0);
  return layerCost(layer.likelihood, layer.size) <= apart ? "small" : "limit";
}

function packagesOf(graph: ClosureGraph, positions: readonly number[]): { name: string; version: string }[] {
  const packages = new Map<string, { name: string; version: string }>();
  for (const position of positions) {
    const { name, version } = packageOf({ path: infoAt(graph, position).path });
    packages.set(`${name} ${version}`, { name, version });
  }
  return [...packages.values()];
}
