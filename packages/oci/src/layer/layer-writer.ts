import { OciError } from "../errors.ts";
import type { LayerEntry, LayerFile } from "./entry.ts";
import { EntryCheck } from "./entry-check.ts";
import { entryHeader, roundUp, writeEntryHeader } from "./entry-header.ts";
import { RECORD } from "./layer-size.ts";
import { BLOCK } from "./tar-header.ts";

/** Headers and small contents are gathered up to this many bytes: a write for each 512 would cost most of the time. */
const GATHER_BYTES = 256 * 1024;
/** Contents from this size on are passed through as they come. */
const PASS_BYTES = 64 * 1024;

/**
 * A layer's tar: byte for byte what Python's `tarfile` writes in PAX format, as nixpkgs' `streamLayeredImage` uses it.
 * Each chunk is valid only until the next is asked for.
 * @throws OciError `entry-unrepresentable`; `layer-inconsistent` when contents are not as long as their size
 */
export function* writeLayer(entries: Iterable<LayerEntry>): Generator<Uint8Array> {
  const check = new EntryCheck();
  const gathered = new Gathered();
  let total = 0;
  for (const entry of entries) {
    check.check(entry);
    const header = entryHeader(entry);
    yield* gathered.reserve(header.length);
    writeEntryHeader(gathered.buffer, gathered.take(header.length), header);
    total += header.length;
    if (entry.type === "file") {
      yield* writeContents(entry, gathered);
      total += roundUp(entry.size, BLOCK);
    }
  }
  yield* gathered.zeros(roundUp(total + 2 * BLOCK, RECORD) - total);
  yield* gathered.flush();
}

function* writeContents(file: LayerFile, gathered: Gathered): Generator<Uint8Array> {
  let length = 0;
  for (const chunk of file.chunks()) {
    length += chunk.length;
    if (length > file.size) throw inconsistent(file, `longer than ${file.size}`);
    if (chunk.length >= PASS_BYTES) {
      yield* gathered.flush();
      yield chunk;
    } else {
      yield* gathered.reserve(chunk.length);
      gathered.buffer.set(chunk, gathered.take(chunk.length));
    }
  }
  if (length < file.size) throw inconsistent(file, `${length} instead of ${file.size}`);
  yield* gathered.zeros(roundUp(length, BLOCK) - length);
}

/** A buffer that fills up and is handed on when it is full. */
class Gathered {
  readonly buffer: Buffer = Buffer.allocUnsafe(GATHER_BYTES);
  #used = 0;

  /** Makes room for `bytes` more, which are never more than the buffer holds. */
  *reserve(bytes: number): Generator<Uint8Array> {
    if (this.#used + bytes > this.buffer.length) yield* this.flush();
  }

  /** Where the next `bytes` go. */
  take(bytes: number): number {
    this.#used += bytes;
    return this.#used - bytes;
  }

  *zeros(bytes: number): Generator<Uint8Array> {
    yield* this.reserve(bytes);
    const start = this.take(bytes);
    this.buffer.fill(0, start, start + bytes);
  }

  *flush(): Generator<Uint8Array> {
    if (this.#used === 0) return;
    const filled = this.buffer.subarray(0, this.#used);
    this.#used = 0;
    yield filled;
  }
}

function inconsistent(file: LayerFile, bytes: string): OciError {
  const path = file.name.toString();
  return new OciError(
    "layer-inconsistent",
    `'${path}' has another length than its metadata says: ${bytes} bytes`,
    { path },
  );
}
