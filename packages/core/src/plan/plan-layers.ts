import type { StorePath } from "@stowage/nix";
import { CoreError } from "../errors.ts";
import type { ClosureGraph } from "../graph/closure-graph.ts";
import {
  DEFAULT_LAYER_LIMIT,
  DOCKER_LAYER_LIMIT,
  type LayeringStrategy,
  type LayeringStrategyName,
  type LayerPlan,
} from "./layer-plan.ts";
import type { ChangeHistory } from "./expected/rates.ts";
import { auto } from "./auto.ts";
import { expected } from "./expected/expected.ts";
import { perPath } from "./per-path.ts";
import { popularity } from "./popularity.ts";
import { single } from "./single.ts";

const strategies: Readonly<Record<LayeringStrategyName, LayeringStrategy>> = {
  expected,
  popularity,
  auto,
  single,
  "per-path": perPath,
};

/** The names `--layering` takes. */
export const layeringStrategyNames: readonly LayeringStrategyName[] = Object.keys(
  strategies,
) as LayeringStrategyName[];

export interface PlanOptions {
  /** Default `popularity`. */
  readonly strategy?: LayeringStrategyName | undefined;
  /** Layers of the whole image, 2 to 125; default 100. */
  readonly maxLayers?: number | undefined;
  readonly history?: ChangeHistory | undefined;
  /** Layers of the image that are not for store paths: the last one, and those of a base. */
  readonly otherLayers: number;
}

/**
 * Decides which store paths share a layer.
 * @throws CoreError `option-invalid` for an unknown strategy, or a limit that leaves no layer for store paths
 */
export function planLayers(graph: ClosureGraph, options: PlanOptions): LayerPlan {
  const name = options.strategy ?? "popularity";
  const strategy = Object.hasOwn(strategies, name) ? strategies[name] : undefined;
  if (strategy === undefined) {
    throw new CoreError("option-invalid", `unknown layering '${name}'`, {
      hint: `Take one of ${layeringStrategyNames.join(", ")}.`,
    });
  }
  const layers = strategy(graph, { storeLayers: layersForStorePaths(options) }, options.history);
  return { strategy: name, layers: layers.map((layer) => layer.map((position) => pathAt(graph, position))) };
}

function layersForStorePaths(options: PlanOptions): number {
  const maxLayers = options.maxLayers ?? DEFAULT_LAYER_LIMIT;
  const least = options.otherLayers + 1;
  if (!Number.isInteger(maxLayers) || maxLayers < least || maxLayers > DOCKER_LAYER_LIMIT) {
    throw new CoreError(
      "option-invalid",
      `--max-layers must be a whole number from ${least} to ${DOCKER_LAYER_LIMIT}`,
      {
        hint: `Docker refuses more than ${DOCKER_LAYER_LIMIT} layers; ${options.otherLayers} of them are not for store paths.`,
      },
    );
  }
  return maxLayers - options.otherLayers;
}

function pathAt(graph: ClosureGraph, position: number): StorePath {
  return (graph.infos[position] as { path: StorePath }).path;
}
