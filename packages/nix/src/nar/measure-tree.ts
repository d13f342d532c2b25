import type { TreeEntry } from "../tree/tree.ts";
import { NarHasher, type NarMeasure } from "./nar-hasher.ts";

/**
 * Hash and size of a tree's NAR, without writing it anywhere.
 * @param entries a whole tree, in NAR order
 * @throws NixError `tree-invalid` when it is not one
 */
export function measureTree(entries: Iterable<TreeEntry>): NarMeasure {
  const hasher = new NarHasher();
  for (const entry of entries) {
    hasher.begin(entry);
    if (entry.type === "file") for (const chunk of entry.chunks()) hasher.contents(chunk);
  }
  return hasher.finish();
}
