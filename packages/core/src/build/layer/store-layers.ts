import type { StorePath } from "@stowage/nix";
import type { DigestCache } from "../../cache/digest-cache.ts";
import { infoAt, type ClosureGraph } from "../../graph/closure-graph.ts";
import { storeLayerHistory } from "../config/closure-record.ts";
import type { TreeHolder } from "../tree-holder.ts";
import type { LayerPool } from "./layer-pool.ts";
import { StoreLayer } from "./store-layer.ts";

/** Drafts the layers of a plan, from the bottom up. */
export function draftStoreLayers(
  layers: readonly (readonly StorePath[])[],
  parts: {
    readonly trees: TreeHolder;
    readonly graph: ClosureGraph;
    /** What the layers' history entries say of their creation. */
    readonly created: string;
    /** Whether bytes that are not the store's are an error. */
    readonly check: boolean;
    readonly pool: LayerPool;
    readonly cache: DigestCache;
  },
): StoreLayer[] {
  const { trees, graph, created, check, pool, cache } = parts;
  const { storeDir } = trees;
  return layers.map((paths) => {
    const infos = paths.map((path) => infoAt(graph, graph.positionOf(path) as number));
    return new StoreLayer(
      { storeDir, trees: infos.map(({ path, narHash, narSize }) => ({ path, narHash, narSize })) },
      {
        history: storeLayerHistory(storeDir, infos, created),
        weight: infos.reduce((sum, info) => sum + info.narSize, 0),
        check,
        trees,
        pool,
        cache,
      },
    );
  });
}
