export { OciError, type OciErrorCode } from "./errors.ts";
export type {
  ImageDraft,
  LayerDraft,
  LayerWriteOptions,
  Sink,
  WrittenImage,
  WrittenLayer,
} from "./image-draft.ts";
export type { LayerDirectory, LayerEntry, LayerFile, LayerSymlink } from "./layer/entry.ts";
export { layerSize } from "./layer/layer-size.ts";
export { writeLayer } from "./layer/layer-writer.ts";
export { isImagePath } from "./source/image-documents.ts";
export { readImage, type ImageSummary } from "./source/read-image.ts";
export { archiveSink } from "./sink/archive.ts";
export { dockerArchiveSink } from "./sink/docker-archive.ts";
export { layoutSink } from "./sink/layout.ts";
export { classifyOutput } from "./sink/output-place.ts";
export type { ContainerConfig, HistoryEntry, ImageConfig, ImageSettings } from "./spec/config.ts";
export { DigestHash, digestOf, parseDigest, type Digest } from "./spec/digest.ts";
export { familiarName, fullName, parseImageName, type ImageName } from "./spec/image-name.ts";
export { formatPlatform, parsePlatform, type Platform } from "./spec/platform.ts";
