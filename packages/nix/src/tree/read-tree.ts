import { readDiskTree } from "./disk-tree.ts";
import { readNarTree } from "./nar-tree.ts";
import { readPipe } from "../nar/nar-pipe.ts";
import { parseNar } from "../nar/parse-nar.ts";
import type { PipedNar, TreeEntry, TreeLocation } from "./tree.ts";

/**
 * Reads a tree in NAR order, synchronously, from where it lies.
 * @throws NixError `path-unreadable`, `path-corrupted`; `nar-invalid` for a NAR that is none
 */
export function readTree(location: TreeLocation | PipedNar): Generator<TreeEntry> {
  if ("directory" in location) return readDiskTree(location);
  return "narFile" in location
    ? readNarTree(location)
    : parseNar(readPipe(location.narPipe, location.length));
}
