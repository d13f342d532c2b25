/** How a layer's tar is stored. */
export type Compression = "none" | "gzip" | "zstd";

const documents: Readonly<Record<string, "index" | "manifest" | "config">> = {
  "application/vnd.oci.image.index.v1+json": "index",
  "application/vnd.docker.distribution.manifest.list.v2+json": "index",
  "application/vnd.oci.image.manifest.v1+json": "manifest",
  "application/vnd.docker.distribution.manifest.v2+json": "manifest",
  "application/vnd.oci.image.config.v1+json": "config",
  "application/vnd.docker.container.image.v1+json": "config",
};

const layerPrefixes = [
  "application/vnd.oci.image.layer.v1.tar",
  "application/vnd.oci.image.layer.nondistributable.v1.tar",
  "application/vnd.docker.image.rootfs.diff.tar",
  "application/vnd.docker.image.rootfs.foreign.diff.tar",
];

const suffixes: Readonly<Record<string, Compression>> = {
  "": "none",
  "+gzip": "gzip",
  ".gzip": "gzip",
  "+zstd": "zstd",
  ".zstd": "zstd",
};

/** What a document of this media type is (OCI image spec, media-types.md, and Docker's own); undefined for others. */
export function documentKind(mediaType: string): "index" | "manifest" | "config" | undefined {
  return Object.hasOwn(documents, mediaType) ? documents[mediaType] : undefined;
}

/** How a layer of this media type is compressed; undefined where it is no layer's. */
export function layerCompression(mediaType: string): Compression | undefined {
  const prefix = layerPrefixes.find((start) => mediaType.startsWith(start));
  return prefix === undefined ? undefined : suffixes[mediaType.slice(prefix.length)];
}
