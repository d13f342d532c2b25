import { createGunzip, createZstdDecompress } from "node:zlib";
import { OciError } from "../errors.ts";
import type { Compression } from "../spec/media-kinds.ts";

/** A gzip or zstd file may have several members or frames, some tools make one for each file of the layer. */
const MAX_FRAMES = 1_000_000;
const CHUNK_BYTES = 128 * 1024;

/** Takes compressed bytes in chunks and gives plain ones to a function, each valid only during its call. */
export interface Decompressor {
  /**
   * Resolves when the chunk is used up and may be reused.
   * @throws OciError `image-corrupted` for what is not compressed this way, or what the function throws
   */
  push(chunk: Uint8Array): Promise<void>;
  /** @throws OciError `image-corrupted` when something is missing */
  end(): Promise<void>;
  /** Gives up; nothing more is given to the function. */
  destroy(): void;
}

/** How bytes are compressed, by how they begin (RFC 1952, section 2.3.1; RFC 8878, sections 3.1.1 and 3.1.2). */
export function sniffCompression(start: Uint8Array): Compression {
  const [a = 0, b = 0, c = 0, d = 0] = start;
  if (a === 0x1f && b === 0x8b) return "gzip";
  const isZstd = (a === 0x28 || (a & 0xf0) === 0x50) && b === (a === 0x28 ? 0xb5 : 0x2a);
  return isZstd && c === (a === 0x28 ? 0x2f : 0x4d) && d === (a === 0x28 ? 0xfd : 0x18) ? "zstd" : "none";
}

export function decompressor(compression: Compression, onPlain: (chunk: Uint8Array) => void): Decompressor {
  if (compression === "none") return passing(onPlain);
  return new FrameDecompressor(compression, onPlain);
}

function passing(onPlain: (chunk: Uint8Array) => void): Decompressor {
  return { push: async (chunk) => onPlain(chunk), end: async () => {}, destroy: () => {} };
}

/** `node:zlib` behind one call for each chunk, with what stands behind a frame taken for the next frame. */
class FrameDecompressor implements Decompressor {
  readonly #compression: "gzip" | "zstd";
  readonly #onPlain: (chunk: Uint8Array) => void;
  #frame: Frame | undefined;
  #frames = 0;

  constructor(compression: "gzip" | "zstd", onPlain: (chunk: Uint8Array) => void) {
    this.#compression = compression;
    this.#onPlain = onPlain;
  }

  async push(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; rest.length > 0;) {
      if (this.#frame === undefined && ++this.#frames > MAX_FRAMES)
        throw corrupted(`it has more than ${MAX_FRAMES} ${this.#compression} frames`);
      this.#frame ??= new Frame(this.#compression, this.#onPlain);
      const left = await this.#frame.push(rest);
      if (left === 0) return;
      // The frame is over, and what is left begins the next one.
      await this.#frame.ended();
      if (left === rest.length)
        throw corrupted(`something that is not ${this.#compression} stands behind its end`);
      rest = rest.subarray(rest.length - left);
      this.#frame = undefined;
    }
  }

  async end(): Promise<void> {
    if (this.#frames === 0) throw corrupted("it is empty");
    await this.#frame?.end();
  }

  destroy(): void {
    this.#frame?.destroy();
  }
}

/** One stream of `node:zlib`. It may decode several frames by itself, where they end with a chunk. */
class Frame {
  readonly #stream: ReturnType<typeof createGunzip>;
  readonly #compression: string;
  /** What went wrong; the first counts. */
  #failure: unknown;
  readonly #over = Promise.withResolvers<void>();
  #written = 0;

  constructor(compression: "gzip" | "zstd", onPlain: (chunk: Uint8Array) => void) {
    this.#compression = compression;
    const options = { chunkSize: CHUNK_BYTES };
    this.#stream = compression === "gzip" ? createGunzip(options) : createZstdDecompress(options);
    this.#stream
      .on("data", (plain: Buffer) => {
        if (this.#failure !== undefined) return;
        try {
          onPlain(plain);
        } catch (error) {
          this.#fail(error);
          this.#stream.destroy();
        }
      })
      .on("error", (error) => this.#fail(error))
      .on("end", () => this.#over.resolve())
      .on("close", () => this.#over.resolve());
  }

  /** Returns how many bytes were not taken because the frame is over. */
  async push(chunk: Uint8Array): Promise<number> {
    this.#written += chunk.length;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stream.write(chunk, () => resolve());
    await Promise.race([promise, this.#over.promise]);
    // A failed write calls back before the error is told.
    if (this.#stream.errored !== null) await this.#over.promise;
    this.#check();
    return this.#written - this.#stream.bytesWritten;
  }

  /** Resolves when all plain bytes were given. */
  async ended(): Promise<void> {
    await this.#over.promise;
    this.#check();
  }

  async end(): Promise<void> {
    this.#stream.end();
    await this.ended();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
  }

  #check(): void {
    const error = this.#failure;
    if (error === undefined) return;
    if (!(error instanceof Error) || !("errno" in error)) throw error;
    const isShort = "code" in error && error.code === "Z_BUF_ERROR";
    throw corrupted(
      isShort
        ? `its ${this.#compression} data is cut off`
        : `it is no ${this.#compression}: ${error.message}`,
      error,
    );
  }
}

function corrupted(reason: string, cause?: unknown): OciError {
  return new OciError("image-corrupted", reason, { cause });
}
