import { OciError } from "../errors.ts";
import type { LayerEntry, LayerFile } from "./entry.ts";
import { EntryCheck } from "./entry-check.ts";
import { entryHeader, roundUp, writeEntryHeader } from "./entry-header.ts";
import { RECORD } from "./layer-size.ts";
import { BLOCK, paddingOf } from "./tar-header.ts";

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
    if (!gathered.hasRoom(header.length)) yield gathered.take();
    writeEntryHeader(gathered.buffer, gathered.add(header.length), header);
    total += header.length;
    if (entry.type !== "file") continue;
    let length = 0;
    for (const chunk of entry.chunks()) {
      length += chunk.length;
      if (length > entry.size) throw inconsistent(entry, `longer than ${entry.size}`);
      if (!gathered.hasRoom(chunk.length < PASS_BYTES ? chunk.length : GATHER_BYTES)) yield gathered.take();
      if (chunk.length < PASS_BYTES) gathered.buffer.set(chunk, gathered.add(chunk.length));
      else yield chunk;
    }
    if (length < entry.size) throw inconsistent(entry, `${length} instead of ${entry.size}`);
    const padding = paddingOf(length);
    if (!gathered.hasRoom(padding)) yield gathered.take();
    gathered.addZeros(padding);
    total += length + padding;
  }
  const end = roundUp(total + 2 * BLOCK, RECORD) - total;
  if (!gathered.hasRoom(end)) yield gathered.take();
  gathered.addZeros(end);
  yield gathered.take();
}

/** A buffer that fills up and is handed on when it has no room for what comes next. */
class Gathered {
  readonly buffer: Buffer = Buffer.allocUnsafe(GATHER_BYTES);
  #used = 0;

  /** Whether so many bytes more fit; so many as the buffer holds fit only where it is empty. */
  hasRoom(bytes: number): boolean {
    return this.#used + bytes <= GATHER_BYTES;
  }

  /** Where the next `bytes` go, for which there must be room. */
  add(bytes: number): number {
    this.#used += bytes;
    return this.#used - bytes;
  }

  addZeros(bytes: number): void {
    const start = this.add(bytes);
    this.buffer.fill(0, start, start + bytes);
  }

  /** What is gathered, valid until more is; the buffer is empty then. */
  take(): Uint8Array {
    const gathered = this.buffer.subarray(0, this.#used);
    this.#used = 0;
    return gathered;
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
