import { writeSync } from "node:fs";
import { DigestHash, type Digest } from "@stowage/oci/thread";

/** How many bytes pass between two reports of progress. */
const REPORT_BYTES = 16 * 1024 * 1024;

/** A place in an open file. */
export interface FilePlace {
  readonly fd: number;
  /** Bytes from its start. */
  readonly offset: number;
}

/** Takes a layer's bytes one after another, to a place or nowhere, synchronously. */
export class ChunkWriter {
  readonly #hash = new DigestHash();
  readonly #fd: number | undefined;
  #position: number;

  constructor(place: FilePlace | undefined) {
    this.#fd = place?.fd;
    this.#position = place?.offset ?? 0;
  }

  write(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    if (this.#fd !== undefined) writeAll(this.#fd, chunk, this.#position);
    this.#position += chunk.length;
  }

  /** The SHA-256 of all bytes. */
  digest(): Digest {
    return this.#hash.digest();
  }
}

/** Writes chunks, in steps of some 16 MiB, and returns their SHA-256. */
export function* writeChunks(
  chunks: Iterable<Uint8Array>,
  place: FilePlace | undefined,
  onBytes: (bytes: number) => void,
): Generator<void, Digest> {
  const writer = new ChunkWriter(place);
  let unreported = 0;
  for (const chunk of chunks) {
    writer.write(chunk);
    unreported += chunk.length;
    if (unreported >= REPORT_BYTES) {
      onBytes(unreported);
      unreported = 0;
      yield;
    }
  }
  onBytes(unreported);
  return writer.digest();
}

function writeAll(fd: number, chunk: Uint8Array, position: number): void {
  let written = 0;
  while (written < chunk.length)
    written += writeSync(fd, chunk, written, chunk.length - written, position + written);
}
