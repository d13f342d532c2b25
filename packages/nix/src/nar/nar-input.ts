import { narError } from "./nar-error.ts";
import { paddingOf, readNumber, WORD } from "./nar-string.ts";

/** The longest string that is ever kept back: a symlink's target, with its length and padding. */
const MAX_HELD_BYTES = 2 * WORD + 4095;

/**
 * What a NAR is read from: chunks of any size, pushed one after another. Whatever is cut by a chunk's end is kept back,
 * which is one string at most; contents never are. What is returned is valid only until the next call, and undefined
 * where bytes are lacking: then nothing is taken, and the same call after a push goes on.
 */
export class NarInput {
  #chunk: Buffer = Buffer.alloc(0);
  /** How many bytes of the chunk are taken or kept back. */
  #at = 0;
  readonly #heldBytes = Buffer.allocUnsafe(MAX_HELD_BYTES);
  #held = 0;
  #position = 0;

  /** The next chunk; every byte of the one before must be taken or kept back. It must not change while it is read. */
  push(chunk: Uint8Array): void {
    if (this.#at < this.#chunk.length) throw new Error("a chunk came before the one before was read");
    this.#chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#at = 0;
  }

  /** Bytes taken so far: the place of what comes next. */
  get position(): number {
    return this.#position;
  }

  /** Bytes kept back. */
  get held(): number {
    return this.#held;
  }

  /** Takes these very bytes, where they come next and lie in one chunk; otherwise nothing. */
  skip(bytes: Buffer): boolean {
    const end = this.#at + bytes.length;
    if (this.#held > 0 || end > this.#chunk.length) return false;
    if (this.#chunk.compare(bytes, 0, bytes.length, this.#at, end) !== 0) return false;
    this.#at = end;
    this.#position += bytes.length;
    return true;
  }

  /**
   * The next string, of at most `max` bytes.
   * @throws NixError `nar-invalid`
   */
  string(max: number): Buffer | undefined {
    const head = this.#peek(WORD);
    if (head === undefined) return undefined;
    const length = readNumber(head, 0);
    if (length > max) throw narError(this.#position, `a string of more than ${max} bytes`);
    const whole = this.#peek(WORD + length + paddingOf(length));
    if (whole === undefined) return undefined;
    this.#checkZeros(whole, WORD + length);
    this.#take(whole.length);
    return whole.subarray(WORD, WORD + length);
  }

  /**
   * The next number.
   * @throws NixError `nar-invalid` for one that is no safe integer
   */
  number(): number | undefined {
    const bytes = this.#peek(WORD);
    if (bytes === undefined) return undefined;
    const value = readNumber(bytes, 0);
    if (!Number.isSafeInteger(value)) throw narError(this.#position, "a size beyond 2^53 bytes");
    this.#take(WORD);
    return value;
  }

  /**
   * Takes zeros.
   * @throws NixError `nar-invalid` for anything else
   */
  zeros(length: number): true | undefined {
    const bytes = this.#peek(length);
    if (bytes === undefined) return undefined;
    this.#checkZeros(bytes, 0);
    this.#take(length);
    return true;
  }

  /** The next bytes, as many as the chunk has, at most `max`. Part of the chunk itself. */
  bytes(max: number): Buffer | undefined {
    const length = Math.min(max, this.#chunk.length - this.#at);
    if (length === 0) return undefined;
    this.#at += length;
    this.#position += length;
    return this.#chunk.subarray(this.#at - length, this.#at);
  }

  /** Takes bytes without a look at them, also such as never come: returns how many are behind the chunk. */
  passOver(length: number): number {
    const here = Math.min(length, this.#chunk.length - this.#at);
    this.#at += here;
    this.#position += length;
    return length - here;
  }

  /** The next bytes without taking them; those that are cut by the chunk's end are kept back. */
  #peek(length: number): Buffer | undefined {
    if (this.#held === 0 && this.#chunk.length - this.#at >= length)
      return this.#chunk.subarray(this.#at, this.#at + length);
    const missing = Math.min(Math.max(length - this.#held, 0), this.#chunk.length - this.#at);
    this.#chunk.copy(this.#heldBytes, this.#held, this.#at, this.#at + missing);
    this.#held += missing;
    this.#at += missing;
    return this.#held < length ? undefined : this.#heldBytes.subarray(0, length);
  }

  /** Takes what was looked at last, all of it. */
  #take(length: number): void {
    if (this.#held === 0) this.#at += length;
    this.#held = 0;
    this.#position += length;
  }

  #checkZeros(bytes: Buffer, from: number): void {
    for (let at = from; at < bytes.length; at++)
      if (bytes[at] !== 0) throw narError(this.#position + at, "padding that is not zero");
  }
}
