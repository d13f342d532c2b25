import type { LayerEntry } from "./entry.ts";
import { EntryCheck } from "./entry-check.ts";
import { entryHeader, roundUp } from "./entry-header.ts";
import { BLOCK } from "./tar-header.ts";

/** What a tar archive is padded to: 20 blocks, tar's default record. */
export const RECORD: number = 20 * BLOCK;

/**
 * Bytes of a layer's tar, from metadata alone: exactly what {@link writeLayer} writes for the same entries.
 * @throws OciError `entry-unrepresentable`
 */
export function layerSize(entries: Iterable<LayerEntry>): number {
  const check = new EntryCheck();
  let size = 0;
  for (const entry of entries) {
    check.check(entry);
    size += entryHeader(entry).length + (entry.type === "file" ? roundUp(entry.size, BLOCK) : 0);
  }
  return roundUp(size + 2 * BLOCK, RECORD);
}
