import { createHash } from "node:crypto";
import type { StoredForm } from "@stowage/oci";
import type { StoreLayerPaths } from "./store-layer.ts";

/** To be raised with any change to the bytes that a layer of the same paths has. */
const LAYER_FORMAT = 1;

/** What the digest cache knows a layer by: everything its bytes depend on, and nothing else. */
export function layerKey({ storeDir, trees }: StoreLayerPaths, form: StoredForm): string {
  const paths = trees.map(({ path, narHash }) => [path, narHash]);
  return createHash("sha256")
    .update(JSON.stringify({ format: LAYER_FORMAT, form, storeDir, paths }))
    .digest("hex");
}
