import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { readSome } from "./read-some.ts";
import { changedError, treeError } from "./tree-error.ts";

const CHUNK_BYTES = 1 << 20;

/** One for a thread: small files would otherwise cost an allocation each. */
const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);

/**
 * A regular file's contents. Each chunk is valid only until any other chunk is asked for in this thread.
 * @throws NixError `path-corrupted` when there are not exactly `size` bytes, or others in the end; `path-unreadable`
 */
export function* fileChunks(path: Buffer, size: number): Generator<Uint8Array> {
  const fd = open(path);
  try {
    let left = size;
    // What fits into one read cannot change during it; of more, every write sets the time.
    const began = size < CHUNK_BYTES ? undefined : writtenAt(fd, path);
    for (;;) {
      // One byte more than is left shows growth, and an end of file without a further call.
      const wanted = Math.min(CHUNK_BYTES, left + 1);
      const length = read(fd, wanted, path);
      if (length > left) throw changedError(path, "grew");
      if (length === 0 && left > 0) throw changedError(path, "shrank");
      left -= length;
      const isEnd = left === 0 && length < wanted;
      if (isEnd && began !== undefined && writtenAt(fd, path) !== began) throw changedError(path, "changed");
      if (length > 0) yield buffer.subarray(0, length);
      if (isEnd) return;
    }
  } finally {
    close(fd, path);
  }
}

function open(path: Buffer): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw treeError(error, path);
  }
}

function read(fd: number, bytes: number, path: Buffer): number {
  try {
    return readSome(fd, buffer, bytes, null);
  } catch (error) {
    throw treeError(error, path);
  }
}

/** Nanoseconds since the epoch. */
function writtenAt(fd: number, path: Buffer): bigint {
  try {
    return fstatSync(fd, { bigint: true }).mtimeNs;
  } catch (error) {
    throw treeError(error, path);
  }
}

function close(fd: number, path: Buffer): void {
  try {
    closeSync(fd);
  } catch (error) {
    throw treeError(error, path);
  }
}
