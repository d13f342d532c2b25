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
 * a needle's surroundings, however long the stream.
 * @param needles not empty, all of the same length
 */
export function scanBytes(
  chunks: Iterable<Uint8Array>,
  needles: readonly Buffer[],
  onHit: (hit: Hit) => void,
): void {
  const length = needles[0]?.length ?? 0;
  const after = length + CONTEXT_BYTES;
  /** What of the stream before the window's start was seen already, and where the window lies in the stream. */
  let window: Buffer = Buffer.alloc(0);
  let windowStart = 0;
  /** Needles that begin before this place of the stream are done. */
  let done = 0;

  const search = (until: number): void => {
    for (const [needle, bytes] of needles.entries()) {
      let at = window.indexOf(bytes, Math.max(0, done - windowStart));
      for (; at !== -1 && windowStart + at < until; at = window.indexOf(bytes, at + 1)) {
        const from = Math.max(0, at - CONTEXT_BYTES);
        onHit({ needle, offset: windowStart + at, around: window.subarray(from, at + after), at: at - from });
      }
    }
    done = Math.max(done, until);
  };

  for (const chunk of chunks) {
    window = Buffer.concat([window, chunk]);
    const end = windowStart + window.length;
    // What lies behind a needle may be in the next chunk still.
    if (end - after > done) search(end - after);
    const kept = Math.max(0, done - CONTEXT_BYTES - windowStart);
    window = window.subarray(kept);
    windowStart += kept;
  }
  search(windowStart + window.length);
}
