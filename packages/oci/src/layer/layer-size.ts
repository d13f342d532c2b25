import type { LayerEntry } from "./entry.ts";
import { EntryCheck } from "./entry-check.ts";
import { entryHeader, roundUp } from "./entry-header.ts";
import { BLOCK, paddingOf } from "./tar-header.ts";

/** What a tar archive is padded to: 20 blocks, tar's default record. */
export const RECORD: number = 20 * BLOCK;

/**
 * Bytes of a layer's tar, from metadata alone: exactly what {@link writeLayer} writes for the same entries.
 * @throws OciError `entry-unrepresentable`
 */
export function layerSize(entries: Iterable<LayerEntry>): number {
  const { headers, contents, padding } = measureEntries(entries);
  return roundUp(headers + contents + padding + 2 * BLOCK, RECORD);
}

/** What the bytes of some entries of a layer are. */
export interface EntryBytes {
  readonly entries: number;
  /** Header blocks, extended ones too. */
  readonly headers: number;
  readonly contents: number;
  /** What fills contents up to whole blocks. */
  readonly padding: number;
}

/**
 * Measures entries from metadata alone, without the end of the tar.
 * @throws OciError `entry-unrepresentable`
 */
export function measureEntries(entries: Iterable<LayerEntry>): EntryBytes {
  const check = new EntryCheck();
  const bytes = { entries: 0, headers: 0, contents: 0, padding: 0 };
  for (const entry of entries) {
    check.check(entry);
    bytes.entries++;
    bytes.headers += entryHeader(entry).length;
    if (entry.type !== "file") continue;
    bytes.contents += entry.size;
    bytes.padding += paddingOf(entry.size);
  }
  return bytes;
}
