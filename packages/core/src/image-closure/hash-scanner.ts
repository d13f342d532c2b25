/** Digits of a store path's hash part. */
const DIGITS = 32;

/** Whether a byte is a digit of Nix's base 32. */
const isDigit = new Uint8Array(256);
for (const digit of Buffer.from("0123456789abcdfghijklmnpqrsvwxyz")) isDigit[digit] = 1;

/**
 * Finds hash parts of store paths in a stream, as Nix's own scanner for references does: wherever the 32 digits stand,
 * also across the borders of chunks. Most bytes are jumped over: where the last of 32 is no digit, none of the 32 begins a
 * hash.
 */
export class HashScanner {
  readonly #wanted: ReadonlySet<string>;
  readonly #onHash: (hash: string) => void;
  /** The last bytes of the stream, fewer than a hash has. */
  #tail: Buffer = Buffer.alloc(0);

  constructor(wanted: ReadonlySet<string>, onHash: (hash: string) => void) {
    this.#wanted = wanted;
    this.#onHash = onHash;
  }

  /** The chunk is not kept. */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const border = Buffer.concat([this.#tail, bytes.subarray(0, DIGITS - 1)]);
    this.#scan(border);
    if (bytes.length >= DIGITS) this.#scan(bytes);
    const end = bytes.length >= DIGITS - 1 ? bytes : Buffer.concat([this.#tail, bytes]);
    this.#tail = Buffer.from(end.subarray(Math.max(0, end.length - DIGITS + 1)));
  }

  /** What comes next is another stream. */
  reset(): void {
    this.#tail = Buffer.alloc(0);
  }

  #scan(bytes: Buffer): void {
    for (let start = 0; start + DIGITS <= bytes.length;) {
      let at = start + DIGITS - 1;
      while (at >= start && isDigit[bytes[at] as number] === 1) at--;
      if (at >= start) {
        start = at + 1;
        continue;
      }
      // A run of digits: each place in it may begin a hash.
      let end = start + DIGITS;
      for (;;) {
        const hash = bytes.toString("latin1", start, end);
        if (this.#wanted.has(hash)) this.#onHash(hash);
        if (end === bytes.length || isDigit[bytes[end] as number] !== 1) break;
        start++;
        end++;
      }
      start = end + 1;
    }
  }
}
