/** A part of a file: from byte `start` to before byte `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Where an ELF file keeps what the dynamic loader reads. */
export interface ElfSegments {
  /** The path of the program interpreter (`PT_INTERP`). */
  readonly interpreter: ByteRange | undefined;
  /** The dynamic section (`PT_DYNAMIC`). */
  readonly dynamic: ByteRange | undefined;
  readonly loads: readonly ElfLoad[];
  readonly reader: ElfReader;
}

interface ElfLoad extends ByteRange {
  /** The virtual address of the range's start. */
  readonly address: number;
}

/** A library search path in the string table, up to its NUL byte. */
export interface ElfSearchPath {
  readonly kind: "RPATH" | "RUNPATH";
  /** Where in the file the string starts. */
  readonly start: number;
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0;
const DT_STRTAB = 5;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

/** The program headers of an ELF file (System V ABI, "Program Header"), from its head; undefined for anything else. */
export function parseElfSegments(head: Buffer): ElfSegments | undefined {
  const reader = makeReader(head);
  if (reader === undefined) return undefined;
  const { is64, word, half, address } = reader;
  const table = address(head, is64 ? 32 : 28);
  const entrySize = half(head, is64 ? 54 : 42);
  const entries = half(head, is64 ? 56 : 44);
  const loads: ElfLoad[] = [];
  let interpreter: ByteRange | undefined;
  let dynamic: ByteRange | undefined;
  for (let entry = 0; entry < entries; entry++) {
    const at = table + entry * entrySize;
    if (at + (is64 ? 56 : 32) > head.length) break;
    const type = word(head, at);
    const start = address(head, at + (is64 ? 8 : 4));
    const range = { start, end: start + address(head, at + (is64 ? 32 : 16)) };
    if (type === PT_INTERP) interpreter = range;
    if (type === PT_DYNAMIC) dynamic = range;
    if (type === PT_LOAD) loads.push({ ...range, address: address(head, at + (is64 ? 16 : 8)) });
  }
  return { interpreter, dynamic, loads, reader };
}

/** The search paths of a dynamic section (System V ABI, "Dynamic Section"). */
export function parseSearchPaths(segments: ElfSegments, dynamic: Buffer): ElfSearchPath[] {
  const { is64, address } = segments.reader;
  const size = is64 ? 8 : 4;
  let strings: number | undefined;
  const found: { kind: ElfSearchPath["kind"]; offset: number }[] = [];
  for (let at = 0; at + 2 * size <= dynamic.length; at += 2 * size) {
    const tag = address(dynamic, at);
    const value = address(dynamic, at + size);
    if (tag === DT_NULL) break;
    if (tag === DT_STRTAB) strings = inFile(segments, value);
    if (tag === DT_RPATH) found.push({ kind: "RPATH", offset: value });
    if (tag === DT_RUNPATH) found.push({ kind: "RUNPATH", offset: value });
  }
  if (strings === undefined) return [];
  const table = strings;
  return found.map(({ kind, offset }) => ({ kind, start: table + offset }));
}

/** Where in the file a virtual address is. */
function inFile({ loads }: ElfSegments, address: number): number | undefined {
  const load = loads.find(
    ({ address: first, start, end }) => address >= first && address < first + end - start,
  );
  return load && load.start + address - load.address;
}

/** Reads numbers as the file's class and byte order have them. */
interface ElfReader {
  readonly is64: boolean;
  readonly half: (bytes: Buffer, at: number) => number;
  readonly word: (bytes: Buffer, at: number) => number;
  /** An address, offset or size; one beyond 2^53 loses its last digits and then fits nothing. */
  readonly address: (bytes: Buffer, at: number) => number;
}

function makeReader(head: Buffer): ElfReader | undefined {
  const [bits, order] = [head[4], head[5]];
  if (head.toString("latin1", 0, 4) !== "\u007fELF" || (bits !== 1 && bits !== 2)) return undefined;
  if ((order !== 1 && order !== 2) || head.length < (bits === 2 ? 64 : 52)) return undefined;
  const is64 = bits === 2;
  const little = order === 1;
  const word = (bytes: Buffer, at: number): number =>
    little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  const long = (bytes: Buffer, at: number): number =>
    Number(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
  return {
    is64,
    word,
    half: (bytes, at) => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)),
    address: is64 ? long : word,
  };
}
