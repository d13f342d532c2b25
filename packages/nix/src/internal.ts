/*
 * What the other packages of Stowage and its tests need of this one beside the root export. It is not for users of the library: it
 * changes without notice.
 */
export type { CacheAnswer } from "./cache/cache-source.ts";
export { readLogins, type Login } from "./cache/netrc.ts";
export { readCountSetting, readSetting } from "./cache/nix-conf.ts";
export { NarPipe } from "./nar/nar-pipe.ts";
export { parseRegistration } from "./registration.ts";
export type { GcSettings } from "./store/gc-settings.ts";
export { ExportedGraph } from "./store/exported-graph.ts";
export { killPrograms } from "./store/run-program.ts";
export { temporaryRoots } from "./store/temporary-root.ts";
export { ListingWriter, readListedTree } from "./tree/tree-listing.ts";
export { readSome } from "./tree/read-some.ts";
export { treeError } from "./tree/tree-error.ts";
export type { PipedNar } from "./tree/tree.ts";
