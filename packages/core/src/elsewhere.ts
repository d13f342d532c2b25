/*
 * What is loaded only once something is asked for that does not lie in a store on this machine: an image, a binary cache's files, a
 * place inside a path that has to be brought first.
 */
export { requireInsideStore } from "./build/require-inside.ts";
export { openCacheTransport } from "./cache-transport.ts";
export { readImageClosure } from "./image-closure.ts";
export { isImageWord } from "./registry/open-image-at.ts";
export { Registries } from "./registry/registry-access.ts";
