/*
 * What the other packages of Stowage and its tests need of this one beside the root export. It is not for users of the library: it
 * changes without notice.
 */
export { storeEntries, type StoreLayerContent, type StoreTree } from "./build/layer/store-entries.ts";
export { expectedCost } from "./plan/expected/expected-cost.ts";
export { popularityContest } from "./plan/popularity.ts";
export { openImageAt } from "./registry/open-image-at.ts";
export { HashScanner } from "./image-closure/hash-scanner.ts";
