/**
 * Bytes of each layer that a manifest in a registry lists. Nothing is believed for it: equal sizes only suggest what is worth
 * being asked for.
 */
export function layerSizesIn(manifest: Uint8Array | undefined): ReadonlySet<number> {
  if (manifest === undefined) return new Set();
  try {
    const { layers } = JSON.parse(Buffer.from(manifest).toString()) as { layers?: unknown };
    const sizes = (Array.isArray(layers) ? layers : []).map(
      (layer: unknown) => (layer as { size?: unknown } | null)?.size,
    );
    return new Set(sizes.filter((size) => typeof size === "number"));
  } catch {
    return new Set();
  }
}
