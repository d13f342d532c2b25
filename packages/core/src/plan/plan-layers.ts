import type { StorePath } from "@stowage/nix";
import { CoreError } from "../errors.ts";
import type { ClosureGraph } from "../graph/closure-graph.ts";
import {
  DEFAULT_LAYER_LIMIT,
  DOCKER_LAYER_LIMIT,
  LEAST_ROOM,
  type LayeringStrategy,
  type LayeringStrategyName,
  type LayerPlan,
} from "./layer-plan.ts";
import type { ChangeHistory } from "./expected/rates.ts";
import { auto } from "./auto.ts";
import { expected } from "./expected/expected.ts";
import { givenLayers } from "./given-layers.ts";
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
  /** Default `expected`. */
  readonly strategy?: LayeringStrategyName | undefined;
  /** Layers of the whole image, 2 to 125; default 100. */
  readonly maxLayers?: number | undefined;
  /** Layers of the image that are not for store paths: the last one, and those of a base. */
  readonly otherLayers: number;
  readonly history?: ChangeHistory | undefined;
  /** Layers of an earlier image: those whose paths are all still there are kept as they were. */
  readonly previous?: readonly (readonly StorePath[])[] | undefined;
  /** Layers that somebody else decided; nothing is planned then. */
  readonly given?: readonly (readonly StorePath[])[] | undefined;
}

/**
 * Decides which store paths share a layer.
 * @throws CoreError `option-invalid` for an unknown strategy, a limit that leaves no layer for store paths, or options
 * that another one makes meaningless; `plan-invalid` for given layers that do not fit
 */
export function planLayers(graph: ClosureGraph, options: PlanOptions): LayerPlan {
  const { history, previous, given } = options;
  const storeLayers = layersForStorePaths(options);
  if (given !== undefined) {
    refuseBeside("--plan", { "--previous": previous, "--history": history, "--layering": options.strategy });
    return { strategy: "given", layers: givenLayers(graph, given, storeLayers) };
  }
  const name = options.strategy ?? "expected";
  const strategy = Object.hasOwn(strategies, name) ? strategies[name] : undefined;
  if (strategy === undefined) {
    throw new CoreError("option-invalid", `unknown layering '${name}'`, {
      hint: `Take one of ${layeringStrategyNames.join(", ")}.`,
    });
  }
  if (name !== "expected")
    refuseBeside(`--layering ${name}`, { "--previous": previous, "--history": history });
  const standing = previous && keepLayers(graph, previous);
  // A base may have all that the closure has.
  const layers = graph.infos.length === 0 ? [] : strategy(graph, { storeLayers }, { history, standing });
  return { strategy: name, layers: layers.map((layer) => layer.map((position) => pathAt(graph, position))) };
}

function refuseBeside(option: string, others: Readonly<Record<string, unknown>>): void {
  const [other] = Object.entries(others).find(([, value]) => value !== undefined) ?? [];
  if (other === undefined) return;
  throw new CoreError("option-invalid", `${other} changes nothing with ${option}`, {
    hint: other === "--layering" ? "Take one." : `Take --layering expected, or leave ${other} out.`,
  });
}

/** The layers whose paths are all still in the closure; of layers with paths in common the lowest. */
function keepLayers(graph: ClosureGraph, layers: readonly (readonly StorePath[])[]): number[][] {
  const seen = new Set<number>();
  return layers.flatMap((layer) => {
    const positions = layer.flatMap((path) => graph.positionOf(path) ?? []);
    const isWhole = positions.length === layer.length && new Set(positions).size === layer.length;
    if (!isWhole || layer.length === 0 || positions.some((position) => seen.has(position))) return [];
    for (const position of positions) seen.add(position);
    return [positions];
  });
}

/** Layers of an image when nothing is said. */
export function defaultLayerLimit(otherLayers: number): number {
  return Math.min(DOCKER_LAYER_LIMIT, Math.max(DEFAULT_LAYER_LIMIT, otherLayers + LEAST_ROOM));
}

function layersForStorePaths(options: PlanOptions): number {
  const least = options.otherLayers + 1;
  if (least > DOCKER_LAYER_LIMIT) {
    throw new CoreError(
      "option-invalid",
      `no layer is left for store paths: Docker takes ${DOCKER_LAYER_LIMIT}, and ${options.otherLayers} are taken`,
      { hint: "Take a base with fewer layers, or squash it." },
    );
  }
  const maxLayers = options.maxLayers ?? defaultLayerLimit(options.otherLayers);
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
