import { toAsciiName } from "./ascii-name.ts";

/** Size of a tar block in bytes; headers are one block, contents are padded to whole blocks. */
export const BLOCK = 512;

/** What fills bytes up to whole blocks. */
export function paddingOf(bytes: number): number {
  return (BLOCK - (bytes % BLOCK)) % BLOCK;
}

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
  readonly userName: Uint8Array;
  readonly groupName: Uint8Array;
}

const typeFlags = { file: 0x30, directory: 0x35, symlink: 0x32, pax: 0x78 } as const;
const MAGIC_AND_VERSION = Buffer.from("ustar\u000000");
const USER_BYTES = 32;
const SPACE = 0x20;
const ZERO = 0x30;
/** What eight octal digits count up to, with one more: bits beyond 32 are nothing that `>>>` knows. */
const EIGHT_DIGITS = 8 ** 8;

/**
 * Writes one header block at an offset of a buffer, as Python's tarfile does: numbers octal, zero-padded and ended by
 * NUL, device numbers all NUL, names cut at their field after non-ASCII characters became `?`.
 */
export function encodeHeader(block: Buffer, offset: number, header: TarHeader): void {
  block.fill(0, offset, offset + BLOCK);
  writeBytes(block, offset, toAsciiName(header.name), NAME_BYTES);
  writeOctal(block, offset + 100, header.mode, 7);
  writeOctal(block, offset + 108, header.uid, 7);
  writeOctal(block, offset + 116, header.gid, 7);
  writeOctal(block, offset + 124, Math.floor(header.size / EIGHT_DIGITS), 3);
  writeOctal(block, offset + 127, header.size % EIGHT_DIGITS, 8);
  writeOctal(block, offset + 136, header.mtime, 11);
  block[offset + 156] = typeFlags[header.type];
  writeBytes(block, offset + 157, toAsciiName(header.linkName), NAME_BYTES);
  writeBytes(block, offset + 257, MAGIC_AND_VERSION, MAGIC_AND_VERSION.length);
  writeBytes(block, offset + 265, header.userName, USER_BYTES);
  writeBytes(block, offset + 297, header.groupName, USER_BYTES);
  writeChecksum(block, offset);
}

/** A loop: calls out of JavaScript for each field take as long again as the whole header. */
function writeBytes(block: Buffer, at: number, bytes: Uint8Array, most: number): void {
  const length = Math.min(bytes.length, most);
  for (let index = 0; index < length; index++) block[at + index] = bytes[index] as number;
}

/** @param value below 2^32 */
function writeOctal(block: Buffer, at: number, value: number, digits: number): void {
  let rest = value;
  for (let place = at + digits - 1; place >= at; place--) {
    block[place] = ZERO + (rest & 7);
    rest >>>= 3;
  }
}

/** The sum of all bytes with the checksum's own field taken as spaces. */
function writeChecksum(block: Buffer, offset: number): void {
  let sum = 8 * SPACE;
  for (let at = offset; at < offset + BLOCK; at++) sum += block[at] as number;
  writeOctal(block, offset + 148, sum, 6);
  block[offset + 155] = SPACE;
}
