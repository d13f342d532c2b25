import { OciError } from "../errors.ts";
import { HeaderDecoder, type TarEntry } from "./header-decoder.ts";
import { BLOCK, paddingOf } from "./tar-header.ts";

/** Who is told what a tar holds. An error that it throws ends the reading. */
export interface TarHandler {
  /** The next entry; `offset` is where its contents begin, in bytes of the tar. */
  entry(entry: TarEntry, offset: number): void;
  /** Contents of the entry that came last; the chunk is valid only during the call. */
  contents(chunk: Uint8Array): void;
}

/** Zeros behind the end: tar fills up to a record, and the largest record in use has 1 MiB. */
const MAX_PADDING = 1024 * 1024;

type State = "header" | "extension" | "contents" | "end";

/**
 * Reads a tar that is pushed in chunks of any size, with memory for one extension at most.
 * @example
 *   const reader = new TarReader({ entry: ({ name }) => list.push(name), contents: () => {} });
 *   for await (const chunk of chunks) reader.push(chunk);
 *   reader.end();
 */
export class TarReader {
  readonly #handler: TarHandler;
  readonly #decoder = new HeaderDecoder();
  readonly #block = Buffer.allocUnsafe(BLOCK);
  #state: State = "header";
  /** Bytes of the block or the extension that are there. */
  #have = 0;
  #extension = Buffer.alloc(0);
  /** Bytes of contents that are to come. */
  #left = 0;
  /** Bytes that fill up the last block, to be passed over. */
  #padding = 0;
  #emptyBlocks = 0;
  #trailing = 0;
  #position = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /**
   * The next bytes; they are not kept.
   * @throws OciError `tar-…`, saying at which byte. Nothing is of use afterwards.
   */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let at = 0; at < bytes.length;) {
      const taken = this.#step(bytes, at);
      at += taken;
      this.#position += taken;
    }
  }

  /** @throws OciError `tar-truncated`, `tar-end` when the tar is not whole */
  end(): void {
    if (this.#state === "end") return;
    if (this.#state !== "header" || this.#have > 0 || this.#padding > 0)
      throw this.#fault("tar-truncated", "the tar is cut off in the middle of an entry");
    throw this.#fault("tar-end", "the tar does not end with two empty blocks: is it cut off?");
  }

  #step(bytes: Buffer, at: number): number {
    if (this.#padding > 0) {
      const length = Math.min(this.#padding, bytes.length - at);
      this.#padding -= length;
      return length;
    }
    switch (this.#state) {
      case "header":
        return this.#readHeader(bytes, at);
      case "extension":
        return this.#readExtension(bytes, at);
      case "contents":
        return this.#readContents(bytes, at);
      case "end":
        return this.#readTrailing(bytes, at);
    }
  }

  #readHeader(bytes: Buffer, at: number): number {
    if (this.#have === 0 && bytes.length - at >= BLOCK) {
      this.#decode(bytes.subarray(at, at + BLOCK), BLOCK);
      return BLOCK;
    }
    const length = bytes.copy(this.#block, this.#have, at, at + BLOCK - this.#have);
    this.#have += length;
    if (this.#have === BLOCK) {
      this.#have = 0;
      this.#decode(this.#block, length);
    }
    return length;
  }

  /** @param taken how many of the block's bytes are not counted yet */
  #decode(block: Buffer, taken: number): void {
    const step = this.#guard(() => this.#decoder.decode(block));
    if (step.type === "empty") {
      if (++this.#emptyBlocks === 2) this.#state = "end";
      return;
    }
    if (this.#emptyBlocks > 0) throw this.#fault("tar-end", "an empty block stands between entries");
    if (step.type === "extension") {
      this.#extension = Buffer.allocUnsafe(step.size);
      this.#state = "extension";
      if (step.size === 0) this.#endExtension();
      return;
    }
    const { entry } = step;
    this.#handler.entry(entry, this.#position + taken);
    this.#left = entry.size;
    if (entry.size > 0) this.#state = "contents";
  }

  #readExtension(bytes: Buffer, at: number): number {
    const length = bytes.copy(this.#extension, this.#have, at, at + this.#extension.length - this.#have);
    this.#have += length;
    if (this.#have === this.#extension.length) this.#endExtension();
    return length;
  }

  #endExtension(): void {
    const body = this.#extension;
    this.#guard(() => this.#decoder.extend(body));
    this.#have = 0;
    this.#padding = paddingOf(body.length);
    this.#state = "header";
  }

  #readContents(bytes: Buffer, at: number): number {
    const length = Math.min(this.#left, bytes.length - at);
    this.#handler.contents(bytes.subarray(at, at + length));
    this.#left -= length;
    // What fills the last block follows from where the contents end: they begin at a block.
    if (this.#left === 0) {
      this.#padding = paddingOf(this.#position + length);
      this.#state = "header";
    }
    return length;
  }

  #readTrailing(bytes: Buffer, at: number): number {
    for (let index = at; index < bytes.length; index++) {
      if (bytes[index] !== 0)
        throw this.#fault("tar-trailing-data", "something stands behind the end of the tar");
    }
    this.#trailing += bytes.length - at;
    if (this.#trailing > MAX_PADDING)
      throw this.#fault(
        "tar-trailing-data",
        `more than ${MAX_PADDING} zeros stand behind the end of the tar`,
      );
    return bytes.length - at;
  }

  #guard<T>(decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      throw new OciError(error.code, this.#located(error.message), { path: error.path });
    }
  }

  #fault(code: "tar-truncated" | "tar-end" | "tar-trailing-data", message: string): OciError {
    return new OciError(code, this.#located(message));
  }

  #located(message: string): string {
    return `${message} (at byte ${this.#position})`;
  }
}
