import { entryHeader, roundUp, writeEntryHeader } from "../layer/entry-header.ts";
import { RECORD } from "../layer/layer-size.ts";
import { BLOCK, paddingOf } from "../layer/tar-header.ts";

/** The header blocks of a member of the outer archive: a regular file, 0644, root's, one second after the epoch. */
export function encodeMemberHeader(name: string, size: number): Buffer {
  const header = entryHeader({ type: "file", name: Buffer.from(name), mode: 0o644, size, chunks: () => [] });
  const blocks = Buffer.alloc(header.length);
  writeEntryHeader(blocks, 0, header);
  return blocks;
}

/** A whole small member: header, contents, padding. */
export function encodeMember(name: string, contents: Uint8Array): Buffer {
  return Buffer.concat([encodeMemberHeader(name, contents.length), contents, memberPadding(contents.length)]);
}

/** What fills a member's last block. */
export function memberPadding(size: number): Buffer {
  return Buffer.alloc(paddingOf(size));
}

/** What ends an archive that has `length` bytes so far: two empty blocks, filled up to a whole record. */
export function encodeArchiveEnd(length: number): Buffer {
  return Buffer.alloc(roundUp(length + 2 * BLOCK, RECORD) - length);
}
