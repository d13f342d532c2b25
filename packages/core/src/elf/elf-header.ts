/** What the head of an ELF file says (System V ABI, "ELF Header" and "Program Header"). */
export interface ElfHeader {
  readonly bits: 32 | 64;
  readonly endianness: "little" | "big";
  /** `EI_OSABI`. */
  readonly osAbi: number;
  /** `e_machine`. */
  readonly machine: number;
  /** Whether the file asks for a program interpreter (`PT_INTERP`): a dynamically linked program, not a library. */
  readonly hasInterpreter: boolean;
}

const PT_INTERP = 3;

/** How much of a file's head {@link parseElfHeader} wants: the ELF header and a usual number of program headers. */
export const ELF_HEAD_BYTES = 4096;

/** Reads an ELF header from a file's first bytes; undefined for what is not ELF or is cut off in the header. */
export function parseElfHeader(head: Buffer): ElfHeader | undefined {
  if (head.length < 20 || head.toString("latin1", 0, 4) !== "\u007fELF") return undefined;
  const bits = head[4] === 1 ? 32 : head[4] === 2 ? 64 : undefined;
  const endianness = head[5] === 1 ? "little" : head[5] === 2 ? "big" : undefined;
  if (bits === undefined || endianness === undefined || head.length < (bits === 64 ? 64 : 52))
    return undefined;
  const little = endianness === "little";
  const u16 = (at: number): number => (little ? head.readUInt16LE(at) : head.readUInt16BE(at));
  const u32 = (at: number): number => (little ? head.readUInt32LE(at) : head.readUInt32BE(at));
  const u64 = (at: number): number => Number(little ? head.readBigUInt64LE(at) : head.readBigUInt64BE(at));
  const tableOffset = bits === 64 ? u64(32) : u32(28);
  const entrySize = u16(bits === 64 ? 54 : 42);
  const entries = u16(bits === 64 ? 56 : 44);
  let hasInterpreter = false;
  for (let entry = 0; entry < entries; entry++) {
    const at = tableOffset + entry * entrySize;
    if (at + 4 > head.length) break;
    if (u32(at) === PT_INTERP) hasInterpreter = true;
  }
  return { bits, endianness, osAbi: head[7] ?? 0, machine: u16(18), hasInterpreter };
}
