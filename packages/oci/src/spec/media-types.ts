import type { CodecName } from "../compression/codec.ts";

/** Media types of the OCI image spec 1.1 (media-types.md). */
export const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
} as const;

/** Docker's own media types of the same documents (Docker's image manifest specification, version 2, schema 2). */
export const dockerMediaTypes = {
  index: "application/vnd.docker.distribution.manifest.list.v2+json",
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
} as const;

/** What a manifest or an index may be. */
export const manifestMediaTypes: readonly string[] = [
  mediaTypes.manifest,
  mediaTypes.index,
  dockerMediaTypes.manifest,
  dockerMediaTypes.index,
];

/** A layer's media type: the plain tar's, with the codec's name behind it. */
export function layerMediaType(codec: CodecName | undefined): string {
  return codec === undefined ? mediaTypes.layer : `${mediaTypes.layer}+${codec}`;
}
