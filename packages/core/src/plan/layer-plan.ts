import type { StorePath } from "@stowage/nix";
import type { ChangeHistory } from "./expected/rates.ts";
import type { ClosureGraph } from "../graph/closure-graph.ts";

/** Which store paths share a layer, from the bottom up. Every path of the closure is in exactly one layer. */
export interface LayerPlan {
  readonly strategy: LayeringStrategyName;
  readonly layers: readonly (readonly StorePath[])[];
}

export interface LayerLimits {
  /** How many layers store paths may take, at least 1. */
  readonly storeLayers: number;
}

/** A strategy decides from the graph alone: pure, synchronous, deterministic. Positions of the graph, bottom up. */
export type LayeringStrategy = (
  graph: ClosureGraph,
  limits: LayerLimits,
  history?: ChangeHistory,
) => number[][];

export type LayeringStrategyName = "expected" | "popularity" | "auto" | "single" | "per-path";

/** Docker refuses an image with more layers than this ("max depth exceeded"). */
export const DOCKER_LAYER_LIMIT = 125;

/** Layers of an image when nothing is said, room left for layers that others put on top. */
export const DEFAULT_LAYER_LIMIT = 100;
