import {
  PLAIN_TAR,
  type ImageDraft,
  type LayerDraft,
  type LayerWriteOptions,
  type WrittenImage,
  type WrittenLayer,
} from "../image-draft.ts";
import { measureLayer } from "../sink/measure-layer.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { mediaTypes } from "../spec/media-types.ts";
import { sealImage, type Blob, type SealedImage } from "../spec/seal-image.ts";
import type { Digest } from "../spec/digest.ts";
import type { BlobContent } from "./blob-content.ts";
import { layerSizesIn } from "./layer-sizes.ts";
import { putUnderNames } from "./put-under-names.ts";
import type { Repository } from "./repository.ts";
import { together } from "./together.ts";
import { uploadBlob } from "./upload.ts";

export interface PushDraftOptions extends LayerWriteOptions {
  /** The layers as they were written somewhere else already, from the bottom up. */
  readonly known?: readonly WrittenLayer[] | undefined;
  /** Repositories of the same registry that have the layers, or may have them. */
  readonly mountFrom?: readonly string[] | undefined;
}

/** What a push did. */
export interface PushedImage extends WrittenImage {
  /** Bytes that were sent; 0 where the registry had everything. */
  readonly sent: number;
  /** How others refer to it. */
  readonly manifest: Descriptor;
}

/**
 * Brings an image into a repository under tags; its layers are made as they are sent and never stored. A layer whose digest is
 * remembered is asked for. So is, once it is hashed, one that has the size of a layer of the image under the first tag.
 * Otherwise nothing suggests that it is there, and it goes up in one pass, its digest at the end.
 * @throws OciError `registry-…`, `layer-inconsistent`, and what a layer's `confirm` throws
 */
export async function pushDraft(
  image: ImageDraft,
  to: { readonly repository: Repository; readonly tags: readonly string[] },
  options: PushDraftOptions = {},
): Promise<PushedImage> {
  const { repository, tags } = to;
  const { signal } = options;
  const previous = await repository.readManifest(tags[0] ?? "latest", signal);
  const contents = await describeLayers(image, layerSizesIn(previous?.bytes), options);

  const foreseen = foresee(image, contents);
  const isThere = foreseen !== undefined && foreseen.manifest.digest === previous?.digest;
  const { layers, sent } = isThere
    ? { layers: rememberedLayers(contents), sent: 0 }
    : await uploadLayers(image, { repository, contents }, options);
  const sealed = sealImage(image, layers);
  const config = isThere
    ? undefined
    : await uploadBlob(repository, contentOf(sealed.config, "the config"), { signal });
  await putUnderNames(repository, { ...sealed.manifest, mediaType: mediaTypes.manifest }, tags, signal);
  return {
    imageId: sealed.config.digest,
    manifestDigest: sealed.manifest.digest,
    layers,
    sent: sent + (config?.how === "sent" ? sealed.config.bytes.length : 0),
    manifest: {
      mediaType: mediaTypes.manifest,
      digest: sealed.manifest.digest,
      size: sealed.manifest.bytes.length,
    },
  };
}

async function uploadLayers(
  image: ImageDraft,
  to: { readonly repository: Repository; readonly contents: readonly (BlobContent | undefined)[] },
  { signal, onBytes, mountFrom }: PushDraftOptions,
): Promise<{ readonly layers: WrittenLayer[]; readonly sent: number }> {
  let sent = 0;
  const { base } = image;
  const { domain } = to.repository.registry;
  const origin = base?.origin?.domain === domain ? [base.origin.repository] : [];
  const below = [...new Map(base?.layers.map((layer) => [layer.digest, layer])).values()];
  await together(
    below,
    async (layer, signal) => {
      const content = { ...layer, what: `the base's layer ${layer.digest}` };
      const from = [...origin, ...(mountFrom ?? [])];
      const { how } = await uploadBlob(to.repository, content, { mountFrom: from, signal, onBytes });
      if (how === "sent") sent += layer.size;
    },
    signal,
  );
  const layers = await together(
    [...image.layers.entries()],
    async ([index, layer], signal) => {
      const content = to.contents[index] ?? contentOfLayer(layer, index, { size: await layer.size(signal) });
      const { digest, how } = await uploadBlob(to.repository, content, { mountFrom, signal, onBytes });
      const { size } = content;
      const written: WrittenLayer = { diffId: digest, digest, size };
      if (how === "sent") {
        sent += size;
        await layer.confirm(PLAIN_TAR, written, signal);
      }
      return written;
    },
    signal,
  );
  return { layers, sent };
}

/** A blob's content that is in memory. */
export function contentOf({ digest, bytes }: Blob, what: string): BlobContent {
  return {
    digest,
    size: bytes.length,
    what,
    async *chunks() {
      yield bytes;
    },
  };
}

function contentOfLayer(
  layer: LayerDraft,
  index: number,
  known: { readonly size: number; readonly remembered?: Digest | undefined },
): BlobContent {
  return {
    digest: undefined,
    ...known,
    what: `layer ${index}`,
    chunks: (signal?: AbortSignal) => layer.chunks(signal),
  };
}

/** By position; undefined for a layer that is far away and not remembered, whose size shows when its turn comes. */
async function describeLayers(
  image: ImageDraft,
  hints: ReadonlySet<number>,
  { known, signal }: PushDraftOptions,
): Promise<(BlobContent | undefined)[]> {
  return together(
    [...image.layers.entries()],
    async ([index, layer], signal) => {
      const recalled = known?.[index] ?? (await layer.recall(PLAIN_TAR));
      if (recalled === undefined && layer.estimate !== undefined) return undefined;
      const size = recalled?.size ?? (await layer.size(signal));
      const remembered =
        recalled?.digest ?? (hints.has(size) ? (await measureLayer(layer, { signal })).digest : undefined);
      return contentOfLayer(layer, index, { size, remembered });
    },
    signal,
  );
}

/** The image's documents where all layers' digests are remembered. */
function foresee(image: ImageDraft, contents: readonly (BlobContent | undefined)[]): SealedImage | undefined {
  const layers = rememberedLayers(contents);
  return layers.length === contents.length ? sealImage(image, layers) : undefined;
}

function rememberedLayers(contents: readonly (BlobContent | undefined)[]): WrittenLayer[] {
  return contents.flatMap((content): WrittenLayer[] => {
    const { remembered, size = 0 } = content ?? {};
    return remembered === undefined ? [] : [{ diffId: remembered, digest: remembered, size }];
  });
}
