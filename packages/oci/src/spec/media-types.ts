import type { CodecName } from "../compression/codec.ts";

/** Media types of the OCI image spec 1.1 (media-types.md). */
export const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
} as const;

/** A layer's media type: the plain tar's, with the codec's name behind it. */
export function layerMediaType(codec: CodecName | undefined): string {
  return codec === undefined ? mediaTypes.layer : `${mediaTypes.layer}+${codec}`;
}
