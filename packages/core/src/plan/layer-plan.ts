import type { StorePath } from "@stowage/nix";
import type { ChangeHistory } from "./expected/rates.ts";
import type { ClosureGraph } from "../graph/closure-graph.ts";

/** Which store paths share a layer, from the bottom up. Every path of the closure is in exactly one layer. */
export interface LayerPlan {
  /** `given`: somebody else decided. */
  readonly strategy: LayeringStrategyName | "given";
  readonly layers: readonly (readonly StorePath[])[];
}

export interface LayerLimits {
  /** How many layers store paths may take, at least 1. */
  readonly storeLayers: number;
}

/** What is known besides the closure; only `expected` makes something of it. */
export interface PlanKnowledge {
  readonly history?: ChangeHistory | undefined;
  /** Layers that are where the image goes already, from the bottom up. */
  readonly standing?: readonly (readonly number[])[] | undefined;
}

/** A strategy decides from the graph alone: pure, synchronous, deterministic. Positions of the graph, bottom up. */
export type LayeringStrategy = (
  graph: ClosureGraph,
  limits: LayerLimits,
  knowledge?: PlanKnowledge,
) => number[][];

/** The ways to decide which store paths share a layer. */
export type LayeringStrategyName = "expected" | "popularity" | "auto" | "single" | "per-path";

/** Docker refuses an image with more layers than this ("max depth exceeded"). */
export const DOCKER_LAYER_LIMIT = 125;

/** Room that is left for store paths, where a base has so many layers that {@link DEFAULT_LAYER_LIMIT} leaves less. */
export const LEAST_ROOM = 20;

/** Layers of an image when nothing is said, room left for layers that others put on top. */
export const DEFAULT_LAYER_LIMIT = 100;
