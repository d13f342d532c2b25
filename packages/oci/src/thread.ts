/*
 * What threads that write layers need of this package, and no more: one that loads all of it takes more than twice as long to start.
 */
export { OciError, type OciErrorCode } from "./errors.ts";
export type { LayerEntry } from "./layer/entry.ts";
export { layerSize } from "./layer/layer-size.ts";
export { writeLayer } from "./layer/layer-writer.ts";
export { DigestHash, type Digest } from "./spec/digest.ts";
export { serveTasks } from "./threads/serve-tasks.ts";
