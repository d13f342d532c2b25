import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { OciError } from "../errors.ts";
import { readSome } from "../read-some.ts";
import { systemErrorCode, withOutputErrors } from "./output-error.ts";
import { temporaryName } from "./temporary-name.ts";
import { markTemporary } from "./temporary-path.ts";

const MOVE_BYTES = 1024 * 1024;

/** After so many bytes what is written begins to go to the disk: one that is idle until the end is waited for then. */
const FLUSH_BYTES = 256 * 1024 * 1024;

/** How a file is written. */
export interface FileOptions {
  /**
   * Whether it is flushed to the disk before it gets its name; default true. Without, it appears whole or not at all as long
   * as the machine runs: after a power cut it may be there and be broken.
   */
  readonly sync?: boolean | undefined;
}

/**
 * A file that appears at its path whole or not at all: written under a temporary name in the same folder, flushed to
 * the disk, renamed. Disposing of it before {@link AtomicFile.commit} removes what was written. Failures are
 * {@link OciError}s about the output's path as the user wrote it.
 */
export class AtomicFile implements AsyncDisposable {
  readonly handle: FileHandle;
  readonly #temporary: string;
  readonly #shown: string;
  readonly #mark: Disposable;
  readonly #sync: boolean;
  #open = true;
  #renamed = false;
  #unflushed = 0;
  #flushing: Promise<void> | undefined;
  #flushFailure: { readonly error: unknown } | undefined;

  private constructor(handle: FileHandle, temporary: string, shown: string, { sync = true }: FileOptions) {
    this.handle = handle;
    this.#temporary = temporary;
    this.#shown = shown;
    this.#mark = markTemporary(temporary);
    this.#sync = sync;
  }

  /**
   * Opens a new file in the folder of `path`, with the permissions that the umask leaves to any new file.
   * @param shown what errors call the output
   */
  static create(path: string, shown: string, options: FileOptions = {}): Promise<AtomicFile> {
    return withOutputErrors(shown, async () => {
      const temporary = temporaryName(path);
      return new AtomicFile(await open(temporary, "wx+", 0o666), temporary, shown, options);
    });
  }

  /** Writes bytes at a place, all of them. */
  writeAt(bytes: Uint8Array, position: number): Promise<void> {
    return withOutputErrors(this.#shown, async () => {
      for (let written = 0; written < bytes.length;) {
        const left = bytes.length - written;
        written += (await this.handle.write(bytes, written, left, position + written)).bytesWritten;
      }
      this.wrote(bytes.length);
    });
  }

  /** Bytes were written through the handle, by somebody else too: the disk may have to do. A failure shows in the end. */
  wrote(bytes: number): void {
    if (!this.#sync) return;
    this.#unflushed += bytes;
    if (this.#unflushed < FLUSH_BYTES || this.#flushing !== undefined) return;
    this.#unflushed = 0;
    this.#flushing = this.handle
      .datasync()
      .catch((error: unknown) => void (this.#flushFailure ??= { error }))
      .finally(() => (this.#flushing = undefined));
  }

  /** Moves bytes towards the file's start. */
  moveDown(from: number, to: number, length: number): Promise<void> {
    return withOutputErrors(this.#shown, async () => {
      if (from === to) return;
      const buffer = Buffer.allocUnsafe(Math.min(length, MOVE_BYTES));
      for (let moved = 0; moved < length;) {
        const bytesRead = await this.#readAt(buffer.subarray(0, length - moved), from + moved);
        await this.writeAt(buffer.subarray(0, bytesRead), to + moved);
        moved += bytesRead;
      }
    });
  }

  /** Moves bytes away from the file's start, the last ones first. */
  moveUp(from: number, to: number, length: number): Promise<void> {
    return withOutputErrors(this.#shown, async () => {
      const buffer = Buffer.allocUnsafe(Math.min(length, MOVE_BYTES));
      for (let left = length; left > 0;) {
        const piece = buffer.subarray(0, left);
        for (let read = 0; read < piece.length;)
          read += await this.#readAt(piece.subarray(read), from + left - piece.length + read);
        await this.writeAt(piece, to + left - piece.length);
        left -= piece.length;
      }
    });
  }

  /** Cuts off what lies beyond `length` bytes. */
  truncate(length: number): Promise<void> {
    return withOutputErrors(this.#shown, () => this.handle.truncate(length));
  }

  /** Sets its permissions, which the umask does not narrow. */
  setMode(mode: number): Promise<void> {
    return withOutputErrors(this.#shown, () => this.handle.chmod(mode));
  }

  /** Ends the writing: what was written is on the disk, where it is to be. */
  seal(): Promise<void> {
    return withOutputErrors(this.#shown, async () => {
      await this.#flushing;
      // The system tells of a page that could not be written once only.
      if (this.#flushFailure !== undefined) throw this.#flushFailure.error;
      if (this.#sync) await this.handle.sync();
      await this.#close();
    });
  }

  /** Gives a sealed file its name, `path` in the same folder. The folder is still to be flushed. */
  place(path: string): Promise<void> {
    return withOutputErrors(this.#shown, async () => {
      await rename(this.#temporary, path);
      this.#renamed = true;
      this.#mark[Symbol.dispose]();
    });
  }

  /**
   * Makes the file appear at `path`, which is in the same folder; an abort counts until it does. What was there before is
   * gone then: a folder that cannot be flushed does not make that a failure.
   */
  async commit(path: string, signal?: AbortSignal): Promise<void> {
    await this.seal();
    signal?.throwIfAborted();
    await this.place(path);
    if (this.#sync) await syncFolder(dirname(path)).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close().catch(() => {});
    if (!this.#renamed) await rm(this.#temporary, { force: true });
    this.#mark[Symbol.dispose]();
  }

  async #readAt(buffer: Uint8Array, position: number): Promise<number> {
    const bytesRead = await readSome(this.handle, buffer, position);
    if (bytesRead > 0) return bytesRead;
    throw new OciError("output-failed", `cannot write ${this.#shown}: somebody else cut it off`, {
      path: this.#shown,
      hint: "Let nothing else write to temporary files beside it.",
    });
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.handle.close();
  }
}

/** Flushes a folder's entries to the disk, where its file system and its permissions allow it. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!["EINVAL", "ENOTSUP", "EACCES", "EPERM"].includes(systemErrorCode(error) ?? "")) throw error;
  }
}
