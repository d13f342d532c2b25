/*
 * What the other packages of Stowage and its tests need of this one beside the root export. It is not for users of the library: it
 * changes without notice.
 */
export { LayerCompression } from "./compression/layer-compression.ts";
export { serveTasks } from "./threads/serve-tasks.ts";
export { WorkerPool, type Outcome } from "./threads/worker-pool.ts";
export { measureEntries, type EntryBytes } from "./layer/layer-size.ts";
export { isImagePath } from "./source/open-image.ts";
export { imagesFor } from "./source/choose-platform.ts";
export { FileRecorder, RecordBudget, type FileRecord } from "./inspect/file-recorder.ts";
export { measureWaste, type RepeatedContents, type Waste } from "./inspect/waste.ts";
export type { HiddenFile, PlacedFile } from "./inspect/visible-files.ts";
export { parseJson } from "./spec/parse-json.ts";
export { writeLoadStream, type LoadedStream, type LoadStreamOptions } from "./sink/load-stream.ts";
export { temporaryPaths } from "./sink/temporary-path.ts";
export { classifyOutput, followSymlinks } from "./sink/output-place.ts";
export { replaceFile } from "./sink/replace-file.ts";
export { removeLeftOvers } from "./sink/temporary-name.ts";
export { streamDocument, writeDocument } from "./sink/document.ts";
export { isRegistryReference } from "./spec/reference.ts";
export { parseAuthFile, type AuthFile, type AuthFileEntry } from "./registry/auth/auth-file.ts";
export { HttpDownloads, type Download, type DownloadOptions } from "./registry/http/download.ts";
export { attachReferrer, type Referrer } from "./registry/referrers.ts";
export { readHints } from "./registry/repository-hints.ts";
export { chooseStored, imagesIn } from "./stored/choose-stored.ts";
export { partsOf } from "./stored/stored-image.ts";
