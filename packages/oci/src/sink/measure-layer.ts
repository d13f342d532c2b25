import { PLAIN_TAR, type LayerDraft, type LayerWriteOptions, type WrittenLayer } from "../image-draft.ts";

/** Makes a layer's plain tar without writing it anywhere, for its digest, which is confirmed. */
export async function measureLayer(
  layer: LayerDraft,
  { signal, onBytes }: LayerWriteOptions,
): Promise<WrittenLayer> {
  let size = 0;
  const diffId = await layer.measure({
    signal,
    onBytes: (bytes) => {
      size += bytes;
      onBytes?.(bytes);
    },
  });
  const measured = { diffId, digest: diffId, size };
  await layer.confirm(PLAIN_TAR, measured, signal);
  return measured;
}
