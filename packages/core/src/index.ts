export { storeEntries, type StoreLayerContent, type StoreTree } from "./build/layer/store-entries.ts";
export { CoreError, type CoreErrorCode } from "./errors.ts";
export { buildGraph, type ClosureGraph } from "./graph/closure-graph.ts";
export { pack } from "./pack.ts";
export type {
  Extra,
  ImageFormat,
  PackedLayer,
  PackOptions,
  PackProgress,
  PackResult,
} from "./pack-options.ts";
export type { LayeringStrategyName, LayerPlan } from "./plan/layer-plan.ts";
export { layeringStrategyNames, planLayers } from "./plan/plan-layers.ts";
export { popularityContest } from "./plan/popularity.ts";
export { pipeWriter } from "@stowage/oci";
