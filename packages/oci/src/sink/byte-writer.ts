import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import type { AtomicFile } from "./atomic-file.ts";
import { readerGone, withOutputErrors } from "./output-error.ts";

/**
 * Takes bytes from front to back. One chunk at a time: the next may reuse the same memory, so each is waited for. An
 * abort is noticed before each chunk.
 */
export interface ByteWriter {
  /** Bytes written so far. */
  readonly length: number;
  write(chunk: Uint8Array): Promise<void>;
}

/** Writes into a file. A write that has begun is waited for, also on abort: it must not hit a closed descriptor. */
export class FileWriter implements ByteWriter {
  length: number;
  readonly #file: AtomicFile;
  readonly #signal: AbortSignal | undefined;

  /** @param start how many bytes of the file are written already */
  constructor(file: AtomicFile, signal: AbortSignal | undefined, start = 0) {
    this.length = start;
    this.#file = file;
    this.#signal = signal;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#signal?.throwIfAborted();
    await this.#file.writeAt(chunk, this.length);
    this.length += chunk.length;
  }
}

/** Writes into a stream. */
export class StreamWriter implements ByteWriter {
  length = 0;
  readonly #stream: Writable;
  readonly #shown: string;
  readonly #signal: AbortSignal | undefined;

  /** @param shown what errors call the stream */
  constructor(stream: Writable, shown: string, signal: AbortSignal | undefined) {
    this.#stream = stream;
    this.#shown = shown;
    this.#signal = signal;
    // A write's own callback tells of its failure; without a listener the same error would end the process.
    stream.on("error", () => {});
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (chunk.length === 0) return;
    this.#signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(this.#signal?.reason);
    // A stream that somebody destroys calls no callback of a write that has begun.
    const onClose = (): void => reject(readerGone(this.#shown));
    this.#signal?.addEventListener("abort", onAbort, { once: true });
    this.#stream.once("close", onClose);
    try {
      this.#stream.write(chunk, (error) => (error ? reject(error) : resolve()));
      await withOutputErrors(this.#shown, () => promise);
      this.length += chunk.length;
    } finally {
      this.#signal?.removeEventListener("abort", onAbort);
      this.#stream.off("close", onClose);
    }
  }

  /** Ends the stream once all of it is written. */
  finish(): Promise<void> {
    return withOutputErrors(this.#shown, async () => {
      this.#stream.end();
      try {
        await finished(this.#stream, { readable: false, signal: this.#signal });
      } catch (error) {
        this.#signal?.throwIfAborted();
        throw error;
      }
    });
  }
}
