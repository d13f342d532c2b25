import { toAsciiName } from "./ascii-name.ts";

/** Size of a tar block in bytes; headers are one block, contents are padded to whole blocks. */
export const BLOCK = 512;

/** Largest number that fits 7 octal digits: uid, gid. */
export const MAX_ID: number = 8 ** 7 - 1;
/** Largest number that fits 11 octal digits: size. */
export const MAX_SIZE: number = 8 ** 11 - 1;
/** Bytes of the name and link name fields. */
export const NAME_BYTES = 100;

/** The fields of a ustar header (POSIX.1-2017, pax, "ustar Interchange Format"). The prefix field is never used. */
export interface TarHeader {
  readonly name: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly type: "file" | "directory" | "symlink" | "pax";
  readonly linkName: Uint8Array;
  readonly userName: string;
  readonly groupName: string;
}

const typeFlags = { file: "0", directory: "5", symlink: "2", pax: "x" } as const;

/**
 * Writes one header block at an offset of a buffer, as Python's tarfile does: numbers octal, zero-padded and ended by
 * NUL, device numbers all NUL, names cut at their field after non-ASCII characters became `?`.
 */
export function encodeHeader(block: Buffer, offset: number, header: TarHeader): void {
  block.fill(0, offset, offset + BLOCK);
  writeName(block, offset, header.name);
  writeOctal(block, offset + 100, header.mode, 7);
  writeOctal(block, offset + 108, header.uid, 7);
  writeOctal(block, offset + 116, header.gid, 7);
  writeOctal(block, offset + 124, header.size, 11);
  writeOctal(block, offset + 136, header.mtime, 11);
  block.write(typeFlags[header.type], offset + 156, "latin1");
  writeName(block, offset + 157, header.linkName);
  block.write("ustar\u000000", offset + 257, "latin1");
  block.write(header.userName, offset + 265, 32, "latin1");
  block.write(header.groupName, offset + 297, 32, "latin1");
  writeChecksum(block, offset);
}

function writeName(block: Buffer, at: number, name: Uint8Array): void {
  block.set(toAsciiName(name).subarray(0, NAME_BYTES), at);
}

function writeOctal(block: Buffer, at: number, value: number, digits: number): void {
  block.write(value.toString(8).padStart(digits, "0"), at, digits, "latin1");
}

/** The sum of all bytes with the checksum's own field taken as spaces. */
function writeChecksum(block: Buffer, offset: number): void {
  let sum = 8 * 0x20;
  for (let at = offset; at < offset + BLOCK; at++) sum += block[at] as number;
  writeOctal(block, offset + 148, sum, 6);
  block[offset + 155] = 0x20;
}
