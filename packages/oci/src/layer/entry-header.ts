import { isAscii } from "./ascii-name.ts";
import type { LayerEntry } from "./entry.ts";
import { encodePaxRecords } from "./pax.ts";
import { BLOCK, encodeHeader, MAX_ID, MAX_SIZE, NAME_BYTES, type TarHeader } from "./tar-header.ts";

/** Every entry's time: one second after the epoch, as Nix gives its store. */
const MTIME = 1;
const NOTHING = new Uint8Array(0);
const PAX_NAME = Buffer.from("././@PaxHeader");
/** The name of user and group 0; others have none, as in a layer nobody knows it. */
const ROOT = Buffer.from("root");

/** An entry's header blocks, before they are encoded. */
export interface EntryHeader {
  /** The records of the extended header in front, empty where none is needed. */
  readonly pax: Buffer;
  readonly header: TarHeader;
  /** Bytes of all header blocks. */
  readonly length: number;
}

/** Decides an entry's header: what fits the plain one, and what needs an extended one. */
export function entryHeader(entry: LayerEntry): EntryHeader {
  const name = entry.type === "directory" ? Buffer.concat([entry.name, Buffer.from("/")]) : entry.name;
  const linkName = entry.type === "symlink" ? entry.target : NOTHING;
  const size = entry.type === "file" ? entry.size : 0;
  const uid = entry.uid ?? 0;
  const gid = entry.gid ?? 0;
  const tooLarge = { uid: uid > MAX_ID, gid: gid > MAX_ID, size: size > MAX_SIZE };
  const pax = encodePaxRecords({
    path: fitsField(name) ? undefined : name,
    linkpath: fitsField(linkName) ? undefined : linkName,
    uid: tooLarge.uid ? uid : undefined,
    gid: tooLarge.gid ? gid : undefined,
    size: tooLarge.size ? size : undefined,
  });
  const header: TarHeader = {
    name,
    mode: entry.mode,
    uid: tooLarge.uid ? 0 : uid,
    gid: tooLarge.gid ? 0 : gid,
    size: tooLarge.size ? 0 : size,
    mtime: MTIME,
    type: entry.type,
    linkName,
    userName: uid === 0 ? ROOT : NOTHING,
    groupName: gid === 0 ? ROOT : NOTHING,
  };
  return { pax, header, length: BLOCK + (pax.length === 0 ? 0 : BLOCK + roundUp(pax.length, BLOCK)) };
}

/** Encodes an entry's header blocks at an offset of a buffer that has room for them. */
export function writeEntryHeader(buffer: Buffer, offset: number, { pax, header, length }: EntryHeader): void {
  if (pax.length > 0) {
    buffer.fill(0, offset, offset + length - BLOCK);
    encodeHeader(buffer, offset, paxHeader(pax.length));
    pax.copy(buffer, offset + BLOCK);
  }
  encodeHeader(buffer, offset + length - BLOCK, header);
}

/** The next multiple of `unit`. */
export function roundUp(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}

function fitsField(name: Uint8Array): boolean {
  return name.length <= NAME_BYTES && isAscii(name);
}

function paxHeader(size: number): TarHeader {
  const nobody = { mode: 0, uid: 0, gid: 0, mtime: 0, userName: NOTHING, groupName: NOTHING };
  return { ...nobody, name: PAX_NAME, size, type: "pax", linkName: NOTHING };
}
