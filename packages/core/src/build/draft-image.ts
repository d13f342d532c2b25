import type { PathInfo } from "@stowage/nix";
import type { BlockPool, ImageDraft, ImageName } from "@stowage/oci";
import type { DigestCache } from "../cache/digest-cache.ts";
import type { ClosureGraph } from "../graph/closure-graph.ts";
import type { LayerPlan } from "../plan/layer-plan.ts";
import type { Base } from "../base/read-base-image.ts";
import { readImageRecord } from "../verify/read-record.ts";
import { rootLayerHistory } from "./config/closure-record.ts";
import type { DecidedConfig } from "./decide-config.ts";
import { draftEntriesLayer } from "./layer/entries-layer.ts";
import type { LayerPool } from "./layer/layer-pool.ts";
import { draftStoreLayers } from "./layer/store-layers.ts";
import type { TreeHolder } from "./tree-holder.ts";
import type { RootTree } from "./root/root-tree.ts";

/** Puts plan, last layer and config together: an image of which only the bytes are missing. */
export function draftImage(parts: {
  readonly trees: TreeHolder;
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
  /** Of the manifest. */
  readonly annotations: Readonly<Record<string, string>>;
  /** What it is put on. */
  readonly base: Base | undefined;
}): ImageDraft {
  const { trees, graph, plan, tree, config, names, check, pool, cache, compression, base } = parts;
  const created = String(config.created);
  const storeLayers = draftStoreLayers(plan.layers, { trees, graph, created, check, pool, cache });
  const entries = tree.entries();
  const places = entries.filter((entry) => entry.type !== "directory").map((entry) => entry.name.toString());
  const inBase = { storeDir: trees.storeDir, infos: unrecorded(graph, base) };
  return {
    base: base?.image,
    annotations: parts.annotations,
    layers: [...storeLayers, draftEntriesLayer(entries, rootLayerHistory(places, created, inBase))],
    config,
    names,
    compression,
  };
}

/** Paths that the base has and does not tell of: the image's record would not be whole. */
function unrecorded(graph: ClosureGraph, base: Base | undefined): PathInfo[] {
  if (base === undefined || base.storePaths.size === 0) return [];
  const recorded = new Set(readImageRecord(base.image.history).record?.infos.map(({ path }) => path));
  return graph.infos.filter(({ path }) => base.storePaths.has(path) && !recorded.has(path));
}
