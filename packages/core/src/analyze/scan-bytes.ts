/** Somewhere in a stream where a needle lies. */
export interface Hit {
  /** Which of the needles. */
  readonly needle: number;
  /** Bytes from the stream's start to the needle's. */
  readonly offset: number;
  /** Up to {@link CONTEXT_BYTES} bytes on each side and the needle itself; only during the call. */
  readonly around: Buffer;
  /** Where the needle begins in `around`. */
  readonly at: number;
}

/** How much is shown on each side of a hit. */
export const CONTEXT_BYTES = 64;

/**
 * Finds needles in a stream of chunks, also across their borders, each needle's hits in order. Memory is one chunk and
 * a needle's surroundings, however long the stream. A chunk is not kept: it may be written to after its push.
 */
export class ByteScanner {
  readonly #needles: readonly Buffer[];
  readonly #onHit: (hit: Hit) => void;
  /** The needle with what is shown after it. */
  readonly #reach: number;
  /** What of the stream was pushed last, and where in the stream it begins. */
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;
  /** Needles that begin before this place of the stream are done. */
  #done = 0;

  /** @param needles all of the same length */
  constructor(needles: readonly Buffer[], onHit: (hit: Hit) => void) {
    this.#needles = needles;
    this.#onHit = onHit;
    this.#reach = (needles[0]?.length ?? 0) + CONTEXT_BYTES;
  }

  push(chunk: Uint8Array): void {
    this.#window = Buffer.concat([this.#window, chunk]);
    // What lies behind a needle may be in the next chunk still.
    this.#search(this.#windowStart + this.#window.length - this.#reach);
    const kept = Math.max(0, this.#done - CONTEXT_BYTES - this.#windowStart);
    this.#window = this.#window.subarray(kept);
    this.#windowStart += kept;
  }

  /** The stream is at its end. */
  finish(): void {
    this.#search(this.#windowStart + this.#window.length);
  }

  /** Finds what begins before a place of the stream. */
  #search(until: number): void {
    if (until <= this.#done) return;
    const [window, windowStart] = [this.#window, this.#windowStart];
    for (const [needle, bytes] of this.#needles.entries()) {
      let at = window.indexOf(bytes, this.#done - windowStart);
      for (; at !== -1 && windowStart + at < until; at = window.indexOf(bytes, at + 1)) {
        const from = Math.max(0, at - CONTEXT_BYTES);
        const around = window.subarray(from, at + this.#reach);
        this.#onHit({ needle, offset: windowStart + at, around, at: at - from });
      }
    }
    this.#done = until;
  }
}

/** Finds needles in bytes that are there as a whole. */
export function scanBytes(bytes: Uint8Array, needles: readonly Buffer[], onHit: (hit: Hit) => void): void {
  const scanner = new ByteScanner(needles, onHit);
  scanner.push(bytes);
  scanner.finish();
}
