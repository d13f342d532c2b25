import { writeSync } from "node:fs";
import { createHash } from "node:crypto";
import { parseDigest, type Digest } from "@stowage/oci/thread";

/** How many bytes pass between two reports of progress. */
const REPORT_BYTES = 16 * 1024 * 1024;

/** A place in an open file. */
export interface FilePlace {
  readonly fd: number;
  /** Bytes from its start. */
  readonly offset: number;
}

/** Writes chunks one after another to a place, or nowhere, synchronously, and returns their SHA-256. */
export function* writeChunks(
  chunks: Iterable<Uint8Array>,
  place: FilePlace | undefined,
  onBytes: (bytes: number) => void,
): Generator<void, Digest> {
  const hash = createHash("sha256");
  let position = place?.offset ?? 0;
  let unreported = 0;
  for (const chunk of chunks) {
    hash.update(chunk);
    if (place !== undefined) writeAll(place.fd, chunk, position);
    position += chunk.length;
    unreported += chunk.length;
    if (unreported >= REPORT_BYTES) {
      onBytes(unreported);
      unreported = 0;
      yield;
    }
  }
  onBytes(unreported);
  return parseDigest(`sha256:${hash.digest("hex")}`);
}

function writeAll(fd: number, chunk: Uint8Array, position: number): void {
  let written = 0;
  while (written < chunk.length)
    written += writeSync(fd, chunk, written, chunk.length - written, position + written);
}
