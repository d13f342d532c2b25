import type { FileHandle } from "node:fs/promises";
import { OciError } from "../errors.ts";
import { readSome } from "../read-some.ts";

/** Large enough that a call for each chunk costs nothing, small enough for many layers at once. */
const CHUNK_BYTES = 1024 * 1024;

/** What errors call a file, and what ends its reading. */
export interface ReadingOf {
  readonly shown: string;
  readonly signal: AbortSignal | undefined;
}

/** A stretch of an open file, in bytes. */
export interface Extent {
  readonly offset: number;
  readonly size: number;
}

/**
 * Reads a stretch of a file. Each chunk is valid only until the next is asked for.
 * @throws OciError `image-unreadable`, `image-corrupted` when the file ends before
 */
export async function* readExtent(
  handle: FileHandle,
  { offset, size }: Extent,
  { shown, signal }: ReadingOf,
): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(CHUNK_BYTES, size)));
  for (let position = 0; position < size;) {
    signal?.throwIfAborted();
    const wanted = Math.min(buffer.length, size - position);
    const bytesRead = await withReadErrors(shown, () =>
      readSome(handle, buffer.subarray(0, wanted), offset + position),
    );
    if (bytesRead === 0) {
      throw new OciError("image-corrupted", `'${shown}' became shorter while it was read`, {
        path: shown,
        hint: "Let whatever writes it come to its end first.",
      });
    }
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Runs something that reads an image's file, with its system errors turned into {@link OciError}s. */
export async function withReadErrors<T>(shown: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) throw error;
    throw describeReadFailure(shown, error as Error & { code: string });
  }
}

function describeReadFailure(shown: string, cause: Error & { code: string }): OciError {
  const options = { path: shown, cause };
  switch (cause.code) {
    case "ENOENT":
    case "ENOTDIR":
      return new OciError("image-missing", `there is no '${shown}'`, {
        ...options,
        hint: "Name an image archive or a layout directory.",
      });
    case "EACCES":
    case "EPERM":
      return new OciError("image-unreadable", `cannot read '${shown}': permission denied`, {
        ...options,
        hint: "Run as a user who may read it.",
      });
    case "EMFILE":
    case "ENFILE":
      return new OciError("image-unreadable", `cannot read '${shown}': too many files are open`, {
        ...options,
        hint: "Raise the limit (ulimit -n).",
      });
    case "EIO":
      return new OciError("image-unreadable", `cannot read '${shown}': the device fails`, {
        ...options,
        hint: "See what the kernel says (dmesg).",
      });
    default:
      return new OciError("image-unreadable", `cannot read '${shown}': ${cause.message}`, options);
  }
}
