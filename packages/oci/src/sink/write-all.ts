import pLimit from "p-limit";
import { OciError } from "../errors.ts";
import {
  PLAIN_TAR,
  type ImageDraft,
  type LayerDraft,
  type LayerWriteOptions,
  type WrittenLayer,
} from "../image-draft.ts";
import type { AtomicFile } from "./atomic-file.ts";
import { layerWriteError } from "./output-error.ts";

/** How many layers are written at once where some are far away: each has some of what is fetched in memory. */
const FAR_LAYERS = 4;

/**
 * Writes all layers side by side; in their order and a few at a time where some are far away. The first failure stops the
 * others, and nothing is thrown before all of them have stopped: a layer still at work would write into a file descriptor
 * that is closed, or somebody else's by then.
 * @param output what errors call the place, and how one layer is written to it
 */
export async function writeAllLayers(
  image: ImageDraft,
  { signal, onBytes }: LayerWriteOptions,
  output: {
    readonly path: string;
    write(layer: LayerDraft, index: number, options: LayerWriteOptions): Promise<WrittenLayer>;
  },
): Promise<WrittenLayer[]> {
  const failed = new AbortController();
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const limit = pLimit(isFar(image) ? FAR_LAYERS : Number.POSITIVE_INFINITY);
  const outcomes = await Promise.allSettled(
    image.layers.map((layer, index) =>
      limit(async () => {
        try {
          either.throwIfAborted();
          return await output.write(layer, index, { signal: either, onBytes });
        } catch (error) {
          failed.abort(layerWriteError(error, output.path));
          throw error;
        }
      }),
    ),
  );
  signal?.throwIfAborted();
  failed.signal.throwIfAborted();
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<WrittenLayer>).value);
}

/** Whether some layers are far away: their sizes show as they are written. */
export function isFar(image: ImageDraft): boolean {
  return image.layers.some((layer) => layer.estimate !== undefined);
}

/**
 * Writes a layer into the room that its size said it needs, and counts its bytes: one that grew meanwhile would lie
 * over its neighbour, whose digest would not be true any more. One without a size takes what it needs.
 * @throws OciError `layer-inconsistent`
 */
export async function writeLayerInto(
  {
    file,
    offset,
    size,
  }: { readonly file: AtomicFile; readonly offset: number; readonly size: number | undefined },
  { layer, index }: { readonly layer: LayerDraft; readonly index: number },
  { signal, onBytes }: LayerWriteOptions,
): Promise<WrittenLayer> {
  let written = 0;
  const digest = await layer.writeAt(file.handle.fd, offset, {
    signal,
    onBytes: (bytes) => {
      written += bytes;
      file.wrote(bytes);
      onBytes?.(bytes);
    },
  });
  if (size !== undefined && written !== size) throw changedLayer(index, size, written);
  const made = { diffId: digest, digest, size: written };
  await layer.confirm(PLAIN_TAR, made, signal);
  return made;
}

/** A store path never changes; where one did, somebody wrote to the store. */
export function changedLayer(index: number, size: number, written: number): OciError {
  return new OciError(
    "layer-inconsistent",
    `layer ${index} changed while it was read: its files promised ${size} bytes and gave ${written}`,
    { hint: "Let nothing write to the files being packed, then pack again." },
  );
}
