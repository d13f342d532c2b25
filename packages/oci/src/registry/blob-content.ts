import { setImmediate as breathe } from "node:timers/promises";
import { OciError } from "../errors.ts";
import { DigestHash, type Digest } from "../spec/digest.ts";
import type { WantedBlob } from "./wanted-blob.ts";

/** A blob on its way into a registry: its bytes can be made from the start any number of times. */
export interface BlobContent {
  /** Undefined where only the bytes will tell. */
  readonly digest: Digest | undefined;
  /** What it was before: good for asking whether the blob is there, not for bytes that are sent. */
  readonly remembered?: WantedBlob | undefined;
  /** Bytes; undefined where only making them will tell. */
  readonly size: number | undefined;
  /** What errors call it. */
  readonly what: string;
  /** The repository that it is read from, where that is a registry's: one beside it may mount it from there. */
  readonly origin?: { readonly domain: string; readonly name: string } | undefined;
  /** Each chunk is valid only until the next is asked for. */
  chunks(signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /** What it means where other bytes come than digest and size say; default that it changed meanwhile. */
  differs?(reason: string): OciError;
}

/** A blob of up to so many bytes is made in memory first. */
const SMALL_BYTES = 1024 * 1024;

/** Whether a blob of so many bytes is made in memory. */
export function isSmall(size: number): boolean {
  return size <= SMALL_BYTES;
}

/**
 * A blob that is small and whose digest nobody knows, made and hashed: it goes up in one request then instead of in two, and what breaks
 * is sent again without being made again. Any other is given back as it is.
 * @throws OciError `layer-inconsistent`
 */
export async function holdSmall(content: BlobContent, signal?: AbortSignal): Promise<BlobContent> {
  const { digest, size } = content;
  if (digest !== undefined || size === undefined || !isSmall(size)) return content;
  const watched = new WatchedContent(content, undefined);
  const chunks: Uint8Array[] = [];
  for await (const chunk of watched.from(0, signal)) chunks.push(Buffer.from(chunk));
  return {
    ...content,
    digest: watched.digest,
    async *chunks() {
      yield* chunks;
    },
  };
}

/** Bytes that are hashed before signals and timers have their turn. */
const BREATH_BYTES = 8 * 1024 * 1024;

/**
 * A blob's bytes with the eye kept on them: all are hashed each time they are made, also those that are not wanted,
 * because bytes from a disk are not to be trusted twice.
 */
export class WatchedContent {
  #size: number | undefined;
  readonly #content: BlobContent;
  readonly #onBytes: ((bytes: number) => void) | undefined;
  #digest: Digest | undefined;
  #told = 0;

  /** @param onBytes told of each byte once, however often it is made */
  constructor(content: BlobContent, onBytes: ((bytes: number) => void) | undefined) {
    this.#size = content.size;
    this.#content = content;
    this.#onBytes = onBytes;
    this.#digest = content.digest;
  }

  /** The digest, known or from bytes that were made to their end; undefined before. */
  get digest(): Digest | undefined {
    return this.#digest;
  }

  /** Bytes, known or counted when they were made to their end; undefined before. */
  get size(): number | undefined {
    return this.#size;
  }

  /** Says that nothing is left to send. */
  finish(size: number): void {
    this.#tell(size);
  }

  /**
   * The bytes from a place on. Each chunk is valid only until the next is asked for.
   * @throws OciError `layer-inconsistent` for other bytes than digest and size say
   */
  async *from(offset: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const hash = new DigestHash();
    let position = 0;
    let breath = BREATH_BYTES;
    for await (const chunk of this.#content.chunks(signal)) {
      signal?.throwIfAborted();
      const start = position;
      position += chunk.length;
      if (this.#size !== undefined && position > this.#size) break;
      hash.update(chunk);
      if (position > breath) {
        breath = position + BREATH_BYTES;
        await breathe();
      }
      if (position <= offset) continue;
      yield chunk.subarray(Math.max(0, offset - start));
      this.#tell(position);
    }
    if (this.#size !== undefined && position !== this.#size)
      throw this.#changed(`it promised ${this.#size} bytes and has others`);
    const digest = hash.digest();
    if (this.#digest !== undefined && this.#digest !== digest)
      throw this.#changed(`its digest is ${digest}, not ${this.#digest}`);
    this.#digest = digest;
    this.#size = position;
  }

  /** Digest and size, for which all bytes are made if they were not yet. */
  async measure(signal?: AbortSignal): Promise<WantedBlob> {
    if (this.#digest === undefined || this.#size === undefined) {
      const bytes = this.from(Infinity, signal);
      while (!(await bytes.next()).done);
    }
    return { digest: this.#digest as Digest, size: this.#size as number };
  }

  #tell(position: number): void {
    if (position <= this.#told) return;
    this.#onBytes?.(position - this.#told);
    this.#told = position;
  }

  #changed(reason: string): OciError {
    const told = this.#content.differs?.(reason);
    if (told !== undefined) return told;
    return new OciError("layer-inconsistent", `${this.#content.what} changed while it was read: ${reason}`, {
      hint: "Let nothing write to what is being pushed, then push again.",
    });
  }
}
