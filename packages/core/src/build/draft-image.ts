import type { Store } from "@stowage/nix";
import type { BlockPool, ImageDraft, ImageName } from "@stowage/oci";
import type { DigestCache } from "../cache/digest-cache.ts";
import type { ClosureGraph } from "../graph/closure-graph.ts";
import type { LayerPlan } from "../plan/layer-plan.ts";
import { rootLayerHistory } from "./config/closure-record.ts";
import type { DecidedConfig } from "./decide-config.ts";
import { draftEntriesLayer } from "./layer/entries-layer.ts";
import type { LayerPool } from "./layer/layer-pool.ts";
import { draftStoreLayers } from "./layer/store-layers.ts";
import type { RootTree } from "./root/root-tree.ts";

/** Puts plan, last layer and config together: an image of which only the bytes are missing. */
export function draftImage(parts: {
  readonly store: Store;
  readonly graph: ClosureGraph;
  readonly plan: LayerPlan;
  readonly tree: RootTree;
  readonly config: DecidedConfig["config"];
  readonly names: readonly ImageName[];
  /** Whether bytes that are not the store's are an error. */
  readonly check: boolean;
  readonly pool: LayerPool;
  readonly cache: DigestCache;
  readonly compression: BlockPool | undefined;
}): ImageDraft {
  const { store, graph, plan, tree, config, names, check, pool, cache, compression } = parts;
  const created = String(config.created);
  const storeLayers = draftStoreLayers(plan.layers, { store, graph, created, check, pool, cache });
  const entries = tree.entries();
  const places = entries.filter((entry) => entry.type !== "directory").map((entry) => entry.name.toString());
  return {
    layers: [...storeLayers, draftEntriesLayer(entries, rootLayerHistory(places, created))],
    config,
    names,
    compression,
  };
}
