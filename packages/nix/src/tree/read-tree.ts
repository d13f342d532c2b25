import { readDiskTree } from "./disk-tree.ts";
import { readNarTree } from "./nar-tree.ts";
import type { TreeEntry, TreeLocation } from "./tree.ts";

/**
 * Reads a tree in NAR order, synchronously, from where it lies.
 * @throws NixError `path-unreadable`, `path-corrupted`; `nar-invalid` for a NAR that is none
 */
export function readTree(location: TreeLocation): Generator<TreeEntry> {
  return "directory" in location ? readDiskTree(location) : readNarTree(location);
}
