/** Bytes of a number, and what strings are padded to. */
export const WORD = 8;
/** What the upper half of a number counts. */
const HALF = 2 ** 32;

/** Bytes of zeros after a string. */
export function paddingOf(length: number): number {
  return (WORD - (length % WORD)) % WORD;
}

/** Writes a number as a NAR has it: 64 bits, little-endian. */
export function writeNumber(buffer: Buffer, offset: number, value: number): void {
  buffer.writeUInt32LE(value % HALF, offset);
  buffer.writeUInt32LE(Math.floor(value / HALF), offset + 4);
}

/** Reads a number as a NAR has it; one beyond 2^53 comes out rounded. */
export function readNumber(buffer: Buffer, offset: number): number {
  return buffer.readUInt32LE(offset) + HALF * buffer.readUInt32LE(offset + 4);
}

/** Strings as a NAR has them, one after another: the length as a number, the bytes, zeros up to a whole word. */
export function encodeStrings(...strings: readonly string[]): Buffer {
  return Buffer.concat(
    strings.map((string) => {
      const bytes = Buffer.from(string);
      const encoded = Buffer.alloc(WORD + bytes.length + paddingOf(bytes.length));
      writeNumber(encoded, 0, bytes.length);
      bytes.copy(encoded, WORD);
      return encoded;
    }),
  );
}
