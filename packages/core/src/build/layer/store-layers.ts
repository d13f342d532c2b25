import type { Store, StorePath } from "@stowage/nix";
import type { DigestCache } from "../../cache/digest-cache.ts";
import { infoAt, type ClosureGraph } from "../../graph/closure-graph.ts";
import { storeLayerHistory } from "../config/closure-record.ts";
import type { LayerPool } from "./layer-pool.ts";
import { StoreLayer } from "./store-layer.ts";

/** Drafts the layers of a plan, from the bottom up. */
export function draftStoreLayers(
  layers: readonly (readonly StorePath[])[],
  parts: {
    readonly store: Pick<Store, "storeDir" | "locateTree">;
    readonly graph: ClosureGraph;
    /** What the layers' history entries say of their creation. */
    readonly created: string;
    /** Whether bytes that are not the store's are an error. */
    readonly check: boolean;
    readonly pool: LayerPool;
    readonly cache: DigestCache;
  },
): StoreLayer[] {
  const { store, graph, created, check, pool, cache } = parts;
  return layers.map((paths) => {
    const infos = paths.map((path) => infoAt(graph, graph.positionOf(path) as number));
    const trees = infos.map(({ path, narHash }) => ({ path, narHash, location: store.locateTree(path) }));
    return new StoreLayer(
      { storeDir: store.storeDir, trees },
      {
        history: storeLayerHistory(store.storeDir, infos, created),
        weight: infos.reduce((sum, info) => sum + info.narSize, 0),
        check,
        pool,
        cache,
      },
    );
  });
}
