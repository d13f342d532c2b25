import type { ImageDraft, LayerDraft, LayerWriteOptions, WrittenLayer } from "../image-draft.ts";

/**
 * Writes all layers side by side. The first failure stops the others, and nothing is thrown before all of them have
 * stopped: a layer still at work would write into a file descriptor that is closed, or somebody else's by then.
 */
export async function writeAllLayers(
  image: ImageDraft,
  { signal, onBytes }: LayerWriteOptions,
  write: (layer: LayerDraft, index: number, options: LayerWriteOptions) => Promise<WrittenLayer>,
): Promise<WrittenLayer[]> {
  const failed = new AbortController();
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const outcomes = await Promise.allSettled(
    image.layers.map(async (layer, index) => {
      try {
        return await write(layer, index, { signal: either, onBytes });
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }),
  );
  signal?.throwIfAborted();
  failed.signal.throwIfAborted();
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<WrittenLayer>).value);
}
