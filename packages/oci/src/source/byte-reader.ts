import { OciError } from "../errors.ts";

/** Bytes of a stream, taken in pieces as they are wanted, with memory for one chunk. */
export class ByteReader {
  /** How many bytes were taken. */
  position = 0;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #aborted: Promise<never>;
  #rest: Uint8Array = new Uint8Array();

  constructor(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    if (signal?.aborted) reject(signal.reason as Error);
    this.#aborted = promise;
  }

  /** The next byte, which is left where it is; undefined at the end. */
  async peek(): Promise<number | undefined> {
    while (this.#rest.length === 0) {
      const step = await Promise.race([this.#chunks.next(), this.#aborted]);
      if (step.done === true) return undefined;
      this.#rest = step.value;
    }
    return this.#rest[0];
  }

  /** @throws OciError `tar-truncated` where there are fewer bytes */
  async read(length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    let have = 0;
    for await (const chunk of this.take(length)) {
      bytes.set(chunk, have);
      have += chunk.length;
    }
    return bytes;
  }

  /** All that is left. */
  async *rest(): AsyncGenerator<Uint8Array> {
    while ((await this.peek()) !== undefined) yield* this.take(this.#rest.length);
  }

  /**
   * The next bytes in chunks, each valid only until the next is asked for.
   * @throws OciError `tar-truncated` where there are fewer
   */
  async *take(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0;) {
      if ((await this.peek()) === undefined)
        throw new OciError("tar-truncated", `it is cut off (at byte ${this.position})`);
      const chunk = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(chunk.length);
      this.position += chunk.length;
      left -= chunk.length;
      yield chunk;
    }
  }
}
