export { decodeNix32, encodeNix32 } from "./base32.ts";
export type { Transport } from "./cache/cache-source.ts";
export type { TrustOptions } from "./cache/trust.ts";
export type { ClosureText, ListedPath } from "./closure-text/listed-path.ts";
export { parseClosureText } from "./closure-text/parse-closure-text.ts";
export { nixDatabase, NIX_SCHEMA_VERSION } from "./database/nix-database.ts";
export { NixError, type NixErrorCode } from "./errors.ts";
export { makeClosure } from "./make-closure.ts";
export { measureTree } from "./nar/measure-tree.ts";
export { narChunks } from "./nar/nar-chunks.ts";
export { NarHasher, type NarMeasure } from "./nar/nar-hasher.ts";
export { NarParser, type NarContents, type NarEvent } from "./nar/nar-parser.ts";
export { parseNar } from "./nar/parse-nar.ts";
export { parseNarStream, type StreamedEntry, type StreamedFile } from "./nar/parse-nar-stream.ts";
export { narHashToHex, narHashToNix32, parseNarHash, type NarHash } from "./nar-hash.ts";
export { parseOutputName, parsePackageName, type OutputName, type PackageName } from "./package-name.ts";
export type { Closure, PathInfo } from "./path-info.ts";
export {
  DEFAULT_STORE_DIR,
  isStorePathBaseName,
  parseStorePath,
  storePathBaseName,
  storePathHashPart,
  storePathName,
  type StorePath,
} from "./store-path.ts";
export { queryGcState, type GcRoot, type GcState } from "./store/gc-roots.ts";
export { openExportedGraph } from "./store/exported-graph.ts";
export { openStore, type OpenStoreOptions } from "./store/open-store.ts";
export type {
  OpenTrees,
  OpenTreesOptions,
  Protection,
  Store,
  StoreCallOptions,
  Target,
} from "./store/store.ts";
export { readTree } from "./tree/read-tree.ts";
export type {
  DiskLocation,
  NarLocation,
  TreeDirectory,
  TreeEntry,
  TreeEntryHead,
  TreeFile,
  TreeFileHead,
  TreeLocation,
  TreeSymlink,
} from "./tree/tree.ts";
