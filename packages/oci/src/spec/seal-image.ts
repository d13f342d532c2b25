import { OciError } from "../errors.ts";
import type { ImageDraft, WrittenLayer } from "../image-draft.ts";
import type { Descriptor } from "./descriptor.ts";
import { digestOf, type Digest } from "./digest.ts";
import { familiarName, fullName, type ImageName } from "./image-name.ts";
import { encodeJson } from "./json.ts";
import { layerMediaType, mediaTypes } from "./media-types.ts";

/** A document of an image with the digest it goes by. */
export interface Blob {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

/** The documents that follow from a draft once its layers' digests are known. */
export interface SealedImage {
  readonly config: Blob;
  readonly manifest: Blob;
}

/** The contents of every layout's `oci-layout` file (OCI image spec, image-layout.md). */
export const LAYOUT_MARKER: Buffer = encodeJson({ imageLayoutVersion: "1.0.0" });

/**
 * Makes config and manifest. One history entry stands for each layer, in the same order, behind the base's.
 * @throws OciError `image-invalid` when a layer's history entry says that there is no layer
 */
export function sealImage(draft: ImageDraft, layers: readonly WrittenLayer[]): SealedImage {
  if (draft.layers.some((layer) => layer.history.empty_layer === true))
    throw new OciError("image-invalid", "a layer's history entry says 'empty_layer', but the layer is there");
  const { layers: below, history } = draft.base ?? { layers: [], history: [] };
  const config = blobOf({
    ...draft.config,
    rootfs: { type: "layers", diff_ids: [...below, ...layers].map((layer) => layer.diffId) },
    history: [...history, ...draft.layers.map((layer) => layer.history)],
  });
  const mediaType = layerMediaType(draft.compression?.codec.name);
  const described = [...below, ...layers.map((layer) => ({ ...layer, mediaType }))];
  const { annotations = {} } = draft;
  const manifest = blobOf({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: describe(mediaTypes.config, config),
    layers: described.map(({ mediaType, digest, size }): Descriptor => ({ mediaType, digest, size })),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  });
  return { config, manifest };
}

/** The annotation that containerd and podman take an image's full name from. */
export const NAME_ANNOTATION = "io.containerd.image.name";

/**
 * The image as an index lists it: once for each name, or once without any. The annotations are the full name, and the
 * tag alone (OCI image spec, annotations.md, `org.opencontainers.image.ref.name`).
 */
export function describeImage(
  manifest: Blob,
  names: readonly ImageName[],
  mediaType: string = mediaTypes.manifest,
): Descriptor[] {
  const descriptor = describe(mediaType, manifest);
  if (names.length === 0) return [descriptor];
  return distinctNames(names).map((name) => ({
    ...descriptor,
    annotations: { [NAME_ANNOTATION]: fullName(name), "org.opencontainers.image.ref.name": name.tag },
  }));
}

/** `index.json` (OCI image spec, image-index.md). */
export function encodeIndex(
  manifests: readonly unknown[],
  others: Readonly<Record<string, unknown>> = {},
): Buffer {
  return encodeJson({ schemaVersion: 2, mediaType: mediaTypes.index, manifests, ...others });
}

/**
 * `manifest.json` as `docker save` writes it: where config and layers lie in the archive.
 * @param fullNames whether names have their registry, also Docker's own
 */
export function encodeDockerManifest(
  configMember: string,
  layerMembers: readonly string[],
  names: readonly ImageName[],
  fullNames = false,
): Buffer {
  const tags = distinctNames(names).map(fullNames ? fullName : familiarName);
  return encodeJson([{ Config: configMember, RepoTags: tags, Layers: layerMembers }]);
}

function distinctNames(names: readonly ImageName[]): ImageName[] {
  return [...new Map(names.map((name) => [fullName(name), name])).values()];
}

function blobOf(document: unknown): Blob {
  const bytes = encodeJson(document);
  return { digest: digestOf(bytes), bytes };
}

function describe(mediaType: string, blob: Blob): Descriptor {
  return { mediaType, digest: blob.digest, size: blob.bytes.length };
}
