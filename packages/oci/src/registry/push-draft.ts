import type { ImageDraft, LayerWriteOptions, WrittenImage, WrittenLayer } from "../image-draft.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { mediaTypes } from "../spec/media-types.ts";
import { sealImage, type Blob, type SealedImage } from "../spec/seal-image.ts";
import type { BlobContent } from "./blob-content.ts";
import { describeDraftLayers, type PushedLayer } from "./draft-layers.ts";
import { putUnderNames } from "./put-under-names.ts";
import { readHints, type RepositoryHints } from "./repository-hints.ts";
import type { Repository } from "./repository.ts";
import { together } from "./together.ts";
import { uploadBlob } from "./upload.ts";

/** What is known already of the layers and of the repository. */
export interface PushDraftOptions extends LayerWriteOptions {
  /** The layers as they were written somewhere else already, from the bottom up. */
  readonly known?: readonly WrittenLayer[] | undefined;
  /** Repositories of the same registry that have the layers, or may have them. */
  readonly mountFrom?: readonly string[] | undefined;
  /** What the repository has, where it was asked already. */
  readonly hints?: RepositoryHints | undefined;
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
 * remembered is asked for. So is, once it is measured, one that the repository may well have ({@link describeDraftLayers}).
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
  const withDiffIds = image.compression !== undefined;
  const hints = options.hints ?? (await readHints(repository, tags[0] ?? "latest", { withDiffIds, signal }));
  const drafted = await describeDraftLayers(image, { ...options, hints });

  const foreseen = foresee(image, drafted);
  const isThere = foreseen !== undefined && foreseen.manifest.digest === hints.previous?.digest;
  const { layers, sent } = isThere
    ? { layers: rememberedLayers(drafted), sent: 0 }
    : await uploadLayers(image, { repository, drafted }, options);
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
  to: { readonly repository: Repository; readonly drafted: readonly PushedLayer[] },
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
  const layers: WrittenLayer[] = [];
  await together(
    heaviestFirst(to.drafted),
    async ([index, drafted], signal) => {
      const { remembered, form, onBytes } = drafted;
      const content = await drafted.open(signal);
      const uploaded = await uploadBlob(to.repository, content, { mountFrom, signal, onBytes });
      const layer = uploaded.how === "sent" ? drafted.written(uploaded) : remembered;
      layers[index] = layer ?? drafted.written(uploaded);
      if (uploaded.how === "sent") sent += uploaded.size;
      // Otherwise nothing was read for it.
      if (uploaded.how === "sent" || remembered === undefined)
        await image.layers[index]?.confirm(form, layers[index], signal);
    },
    signal,
  );
  return { layers, sent };
}

/** Layers with their positions: the one that takes longest is not to be left for the end. */
function heaviestFirst(drafted: readonly PushedLayer[]): (readonly [index: number, layer: PushedLayer])[] {
  return [...drafted.entries()].toSorted(([, a], [, b]) => b.weight - a.weight);
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

/** The image's documents where all layers' digests are remembered. */
function foresee(image: ImageDraft, drafted: readonly PushedLayer[]): SealedImage | undefined {
  const layers = rememberedLayers(drafted);
  return layers.length === drafted.length ? sealImage(image, layers) : undefined;
}

function rememberedLayers(drafted: readonly PushedLayer[]): WrittenLayer[] {
  return drafted.flatMap(({ remembered }) => remembered ?? []);
}
