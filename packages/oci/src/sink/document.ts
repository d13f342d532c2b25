import type { Writable } from "node:stream";
import { AtomicFile } from "./atomic-file.ts";
import { FileWriter, StreamWriter, type ByteWriter } from "./byte-writer.ts";
import { withOutputErrors } from "./output-error.ts";
import { findOutputPlace } from "./output-place.ts";
import { openStreamOutput } from "./stream-output.ts";
import { removeLeftOvers } from "./temporary-name.ts";

/**
 * Writes a document to a path, as images are written: a regular file appears whole or not at all, a symlink is followed, a FIFO
 * or a device is written into.
 * @throws OciError `output-…`
 */
export async function writeDocument(path: string, bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
  const place = await findOutputPlace(path);
  if (place.kind === "file") {
    await removeLeftOvers(place.path);
    await using file = await AtomicFile.create(place.path, path);
    await writePieces(new FileWriter(file, signal), bytes);
    await file.commit(place.path, signal);
    return;
  }
  const stream = await withOutputErrors(path, () => openStreamOutput(place, signal));
  try {
    await streamDocument(stream, path, bytes, signal);
  } finally {
    stream.destroy();
  }
}

/**
 * Writes a document into a stream, and ends it.
 * @param shown what errors call the stream
 * @throws OciError `output-…`
 */
export async function streamDocument(
  stream: Writable,
  shown: string,
  bytes: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  const writer = new StreamWriter(stream, shown, signal);
  await writePieces(writer, bytes);
  await writer.finish();
}

/** An abort is noticed between two of them. */
const PIECE_BYTES = 1024 * 1024;

async function writePieces(writer: ByteWriter, bytes: Uint8Array): Promise<void> {
  for (let start = 0; start < bytes.length; start += PIECE_BYTES)
    await writer.write(bytes.subarray(start, start + PIECE_BYTES));
}
