import { NarParser, type NarEvent } from "../nar/nar-parser.ts";
import { readSome } from "./read-some.ts";
import { treeError } from "./tree-error.ts";
import type { NarLocation, TreeEntry } from "./tree.ts";

/** What stands between contents is read in pieces of this size: a small file costs no more than its own bytes. */
const PIECE_BYTES = 64 * 1024;
const CHUNK_BYTES = 1 << 20;

/** One for a thread. */
const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);

/**
 * Reads a tree from a NAR in an open file. Contents are passed over until they are asked for, at any time and any number
 * of times.
 * @throws NixError `nar-invalid`, `path-unreadable`
 */
export function* readNarTree({ narFile, offset, length }: NarLocation): Generator<TreeEntry> {
  const parser = new NarParser();
  const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, length));
  let at = 0;
  const nextEvent = (): NarEvent | undefined => {
    for (;;) {
      const event = parser.next();
      if (event !== undefined) return event;
      const read = readAt(narFile, piece, Math.min(piece.length, Math.max(0, length - at)), offset + at);
      if (read === 0) return undefined;
      at += read;
      parser.push(piece.subarray(0, read));
    }
  };
  for (let event = nextEvent(); event !== undefined; event = nextEvent()) {
    if (event.type === "contents") continue;
    if (event.type !== "file") {
      yield event;
      continue;
    }
    const start = offset + parser.position;
    at += parser.passOverContents();
    const { size } = event;
    yield { ...event, chunks: () => contents(narFile, start, size) };
  }
  parser.finish();
}

/** Each chunk is valid only until any other chunk is asked for in this thread. */
function* contents(fd: number, start: number, size: number): Generator<Uint8Array> {
  for (let done = 0; done < size;) {
    const read = readAt(fd, buffer, Math.min(CHUNK_BYTES, size - done), start + done);
    // The NAR's length was counted: the file's end cannot come before.
    if (read === 0) throw new Error("the file of a NAR ended early");
    done += read;
    yield buffer.subarray(0, read);
  }
}

function readAt(fd: number, into: Uint8Array, length: number, position: number): number {
  try {
    return readSome(fd, into, length, position);
  } catch (error) {
    throw treeError(error, Buffer.from("a downloaded NAR"));
  }
}
