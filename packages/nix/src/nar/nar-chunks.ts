import type { TreeEntry } from "../tree/tree.ts";
import { NarSerialiser } from "./nar-serialiser.ts";

/**
 * The bytes of a tree's NAR. Each chunk is valid only until the next is asked for.
 * @param entries a whole tree, in NAR order
 * @throws NixError `tree-invalid` when it is not one
 */
export function* narChunks(entries: Iterable<TreeEntry>): Generator<Uint8Array> {
  const nar = new NarSerialiser();
  for (const entry of entries) {
    nar.begin(entry);
    if (nar.isFull) yield nar.take();
    if (entry.type !== "file") continue;
    for (const chunk of entry.chunks()) {
      if (nar.contents(chunk)) {
        if (nar.isFull) yield nar.take();
        continue;
      }
      const before = nar.take();
      if (before.length > 0) yield before;
      yield chunk;
    }
  }
  nar.finish();
  yield nar.take();
}
