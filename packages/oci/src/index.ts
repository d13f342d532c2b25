export { BlockPool } from "./compression/block-pool.ts";
export { parseCompression, type Codec, type CodecName } from "./compression/codec.ts";
export { OciError, type OciErrorCode } from "./errors.ts";
export {
  PLAIN_TAR,
  type BaseLayer,
  type DraftBase,
  type ImageDraft,
  type LayerDraft,
  type LayerWriteOptions,
  type Sink,
  type StoredForm,
  type WrittenImage,
  type WrittenLayer,
} from "./image-draft.ts";
export { readBase, type BaseImage, type ReadBaseOptions } from "./base/read-base.ts";
export type { LayerDirectory, LayerEntry, LayerFile, LayerSymlink } from "./layer/entry.ts";
export { layerSize } from "./layer/layer-size.ts";
export { writeLayer } from "./layer/layer-writer.ts";
export { readImage, type ImageSummary } from "./source/read-image.ts";
export type { Finding, ImageFindingCode, Where } from "./finding.ts";
export type { TarEntry, TarEntryType } from "./layer/header-decoder.ts";
export { TarReader, type TarHandler } from "./layer/tar-reader.ts";
export type { Contents, LayerContents as ImageLayer } from "./source/contents.ts";
export type { ImageSource, StoredBlob } from "./source/image-source.ts";
export { openImage } from "./source/open-image.ts";
export { readArchiveStream } from "./source/stream-source.ts";
export { readContents } from "./source/read-contents.ts";
export { openRegistryImage, type RegistryImageOptions } from "./source/registry-source.ts";
export { inspectLayer, type LayerFacts, type LayerVisitor, type PathEntry } from "./verify/inspect-layer.ts";
export type { LayerTree, PlaceFacts } from "./verify/layer-tree.ts";
export { verifyContents, type VerifiedImage } from "./verify/verify-contents.ts";
export { verifyImage } from "./verify/verify-image.ts";
export type { FileOptions } from "./sink/atomic-file.ts";
export { archiveSink } from "./sink/archive.ts";
export { digestSink } from "./sink/digests.ts";
export { dockerArchiveSink } from "./sink/docker-archive.ts";
export { layoutSink } from "./sink/layout.ts";
export type { ContainerConfig, HistoryEntry, ImageConfig, ImageSettings } from "./spec/config.ts";
export { DigestHash, digestOf, parseDigest, type Digest } from "./spec/digest.ts";
export { familiarName, fullName, parseImageName, type ImageName } from "./spec/image-name.ts";
export { formatPlatform, parsePlatform, type Platform } from "./spec/platform.ts";
export { formatReference, isReference, parseReference, type Reference } from "./spec/reference.ts";
export type { BlobPlaces } from "./registry/blob-places.ts";
export type { Credentials, CredentialSource } from "./registry/auth/credentials.ts";
export type { Retry, RetryPolicy } from "./registry/http/retry.ts";
export { pushDraft, type PushDraftOptions, type PushedImage } from "./registry/push-draft.ts";
export { Registry, type RegistryOptions } from "./registry/registry.ts";
export type { RepositoryHints } from "./registry/repository-hints.ts";
export { Repository } from "./registry/repository.ts";
export { combineIndex, type IndexEntry } from "./stored/combine-index.ts";
export { pushStored } from "./stored/push-stored.ts";
export { readStoredImages, type ListedImage } from "./stored/read-stored.ts";
export type { StoredImage } from "./stored/stored-image.ts";
export { writeStoredArchive, writeStoredLayout } from "./stored/write-stored.ts";
