import type { TreeFile } from "@stowage/nix";
import type { Breather } from "../breather.ts";
import { parseElfSegments, parseSearchPaths, type ByteRange } from "../elf/elf-segments.ts";

/** What kind of place in a file holds a reference. */
export type ReferenceKind =
  /** A library search path in an ELF file's dynamic section. */
  | "rpath"
  | "runpath"
  /** The program interpreter that an ELF file asks for (`PT_INTERP`). */
  | "interpreter"
  /** The `#!` line of a script. */
  | "shebang"
  /** Somewhere in a file that holds text. */
  | "text"
  /** Somewhere in a file that holds other bytes: a path compiled in, a debug link, data. */
  | "embedded-string"
  /** Where a symlink points to. */
  | "symlink-target"
  /** The name of a file, directory or symlink. */
  | "file-name";

/** Says for the places of one file what kind they are. */
export type KindOf = (offset: number) => ReferenceKind;

/** A file whose first bytes hold no NUL byte counts as text; git looks at as many. */
const TEXT_HEAD_BYTES = 8000;
/** Enough for an ELF header and program headers right behind it, as every linker puts them. */
const HEAD_BYTES = 64 << 10;
/** More than any dynamic section or search path of a sound file has. */
const MAX_PART_BYTES = 1 << 20;
/** A sound file has one of a kind; each may cost another reading of the file. */
const MAX_SEARCH_PATHS = 4;

/**
 * Looks at a file's head, and in an ELF file at the parts that the dynamic loader reads.
 * @throws the signal's reason when aborted
 */
export async function inspectKinds(file: TreeFile, breather: Breather): Promise<KindOf> {
  const read: ReadPart = (range) => readPart(file, range, breather);
  const head = await read({ start: 0, end: HEAD_BYTES });
  const isElf = head.toString("latin1", 0, 4) === "\u007fELF";
  const places = isElf ? await elfPlaces(read, head) : shebangPlace(head);
  const isText = !head.subarray(0, TEXT_HEAD_BYTES).includes(0);
  return (offset) =>
    places.find(({ start, end }) => offset >= start && offset < end)?.kind ??
    (isText ? "text" : "embedded-string");
}

interface Place extends ByteRange {
  readonly kind: ReferenceKind;
}

function shebangPlace(head: Buffer): Place[] {
  if (head.toString("latin1", 0, 2) !== "#!") return [];
  const end = head.indexOf("\n");
  return [{ kind: "shebang", start: 0, end: end === -1 ? head.length : end }];
}

type ReadPart = (range: ByteRange) => Promise<Buffer>;

async function elfPlaces(read: ReadPart, head: Buffer): Promise<Place[]> {
  const segments = parseElfSegments(head);
  if (segments === undefined) return [];
  const { interpreter, dynamic } = segments;
  const places: Place[] = interpreter === undefined ? [] : [{ kind: "interpreter", ...interpreter }];
  const section = dynamic === undefined ? Buffer.alloc(0) : await read(bounded(dynamic));
  for (const { kind, start } of parseSearchPaths(segments, section).slice(0, MAX_SEARCH_PATHS)) {
    const text = await read({ start, end: start + MAX_PART_BYTES });
    places.push({
      kind: kind === "RPATH" ? "rpath" : "runpath",
      start,
      end: start + lengthOfString(text),
    });
  }
  return places;
}

function bounded({ start, end }: ByteRange): ByteRange {
  return { start, end: Math.min(end, start + MAX_PART_BYTES) };
}

function lengthOfString(bytes: Buffer): number {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes.length : end;
}

/** A part of a file, as far as the file goes; reads no further than it must. */
async function readPart(file: TreeFile, { start, end }: ByteRange, breather: Breather): Promise<Buffer> {
  const parts: Buffer[] = [];
  let at = 0;
  if (start >= file.size) return Buffer.alloc(0);
  for (const chunk of file.chunks()) {
    if (at + chunk.length > start) {
      parts.push(Buffer.from(chunk.subarray(Math.max(0, start - at), Math.max(0, end - at))));
    }
    at += chunk.length;
    if (at >= end) break;
    await breather.breathe();
  }
  return Buffer.concat(parts);
}
