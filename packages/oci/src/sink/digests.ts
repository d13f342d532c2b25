import type { BlockPool } from "../compression/block-pool.ts";
import {
  PLAIN_TAR,
  type ImageDraft,
  type LayerWriteOptions,
  type Sink,
  type WrittenLayer,
} from "../image-draft.ts";
import { sealImage } from "../spec/seal-image.ts";
import { CompressedLayers } from "./compressed-layers.ts";
import { measureLayer } from "./measure-layer.ts";
import { writeAllLayers } from "./write-all.ts";

/** No place at all: all digests of an image, and nothing written. What is remembered of a layer is not read again. */
export function digestSink(): Sink {
  return {
    async write(image, options = {}) {
      const { compression: pool } = image;
      const layers =
        pool === undefined
          ? await measureLayers(image, options)
          : await measureCompressedLayers({ image, pool }, options);
      const { config, manifest } = sealImage(image, layers);
      return { imageId: config.digest, manifestDigest: manifest.digest, layers };
    },
  };
}

function measureLayers(image: ImageDraft, options: LayerWriteOptions): Promise<WrittenLayer[]> {
  return writeAllLayers(image, options, {
    path: "nothing",
    async write(layer, _index, layerOptions) {
      const known = await layer.recall(PLAIN_TAR);
      if (known !== undefined) {
        layerOptions.onBytes?.(known.size);
        return known;
      }
      return measureLayer(layer, layerOptions);
    },
  });
}

async function measureCompressedLayers(
  { image, pool }: { readonly image: ImageDraft; readonly pool: BlockPool },
  options: LayerWriteOptions,
): Promise<WrittenLayer[]> {
  await using compressed = await CompressedLayers.begin(image, { pool, has: async () => true }, options);
  const layers: WrittenLayer[] = [];
  for (const known of compressed.known) layers.push(known ?? (await compressed.next(async () => {})));
  return layers;
}
