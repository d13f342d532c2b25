import { constants, unlinkSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OciError } from "../errors.ts";
import { readSome } from "../read-some.ts";
import { systemErrorCode, withOutputErrors } from "./output-error.ts";
import { removeLeftOvers, temporaryName } from "./temporary-name.ts";

const READ_BYTES = 1024 * 1024;

/** `O_TMPFILE` of open(2), which Node has no name for: what is opened in a folder never has one there. */
const NAMELESS = constants.O_RDWR | 0o20000000 | constants.O_DIRECTORY;
/** How file systems and systems without it answer. */
const unknown = new Set<string | undefined>(["ENOTSUP", "EISDIR", "EINVAL"]);

/**
 * A file in the system's temporary folder (`TMPDIR`) that has no name: it is gone with the process, however that ends.
 * @throws OciError `output-failed`, `output-unusable` about that folder
 */
export class SpoolFile implements AsyncDisposable {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  static async create(): Promise<SpoolFile> {
    return withSpoolErrors(async () => new SpoolFile(await openSpool()));
  }

  /** Writes bytes at a place, all of them. */
  writeAt(bytes: Uint8Array, position: number): Promise<void> {
    return withSpoolErrors(async () => {
      for (let written = 0; written < bytes.length;) {
        const left = bytes.length - written;
        written += (await this.#handle.write(bytes, written, left, position + written)).bytesWritten;
      }
    });
  }

  /**
   * `length` bytes from a place on, which were written. Each chunk is valid only until the next is asked for.
   * @throws OciError `output-failed` where they cannot be read, or are there no more
   */
  async *read(length: number, from = 0): AsyncGenerator<Uint8Array> {
    const buffer = Buffer.allocUnsafe(Math.min(length, READ_BYTES));
    for (let position = 0; position < length;) {
      const most = Math.min(buffer.length, length - position);
      const bytesRead = await withSpoolErrors(() =>
        readSome(this.#handle, buffer.subarray(0, most), from + position),
      );
      if (bytesRead === 0)
        throw new OciError("output-failed", `a temporary file in ${tmpdir()} became shorter`, {
          path: tmpdir(),
          hint: "Let nothing else write to it, or name another folder with TMPDIR.",
        });
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** Opens a file in the system's temporary folder that has no name; a failure is one of the system. */
export async function openSpool(): Promise<FileHandle> {
  const folder = tmpdir();
  try {
    return await open(folder, NAMELESS, 0o600);
  } catch (error) {
    if (!unknown.has(systemErrorCode(error))) throw error;
    const place = join(folder, "stowage-spool");
    // A process killed between making a file and taking its name away leaves it; the next one removes it.
    await removeLeftOvers(place);
    const path = temporaryName(place);
    const handle = await open(path, "wx+", 0o600);
    unlinkSync(path);
    return handle;
  }
}

/** Runs something with such files, with its system errors turned into {@link OciError}s about their folder. */
export function withSpoolErrors<T>(call: () => Promise<T>): Promise<T> {
  return withOutputErrors(`temporary files in ${tmpdir()}`, call, "TMPDIR");
}
