/*
 * What threads that read trees need of this package, and no more: one that loads all of it takes more than twice as long to start.
 */
export { NixError, type NixErrorCode } from "./errors.ts";
export { NarHasher } from "./nar/nar-hasher.ts";
export type { NarHash } from "./nar-hash.ts";
export type { StorePath } from "./store-path.ts";
export { readTree } from "./tree/read-tree.ts";
export { ListingWriter, readListedTree } from "./tree/tree-listing.ts";
export type { PipedNar, TreeEntry, TreeFile, TreeLocation } from "./tree/tree.ts";
