import { randomBytes } from "node:crypto";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** The part of a file name that keeps a temporary name within 255 bytes. */
const NAME_ROOM = 200;

/**
 * A file that appears at its path whole or not at all: written under a temporary name in the same folder, flushed to
 * the disk, renamed. Disposing of it before {@link AtomicFile.commit} removes what was written.
 */
export class AtomicFile implements AsyncDisposable {
  readonly handle: FileHandle;
  readonly #temporary: string;
  #open = true;
  #renamed = false;

  private constructor(handle: FileHandle, temporary: string) {
    this.handle = handle;
    this.#temporary = temporary;
  }

  /** Opens a new file in `folder`, named after `name` as long as it is temporary; permissions as the umask says. */
  static async create(folder: string, name: string): Promise<AtomicFile> {
    const start = Buffer.from(name)
      .subarray(0, NAME_ROOM)
      .toString("latin1")
      .replaceAll(/[^\w.-]/g, "_");
    const temporary = join(folder, `.${start}.${randomBytes(8).toString("hex")}.tmp`);
    return new AtomicFile(await open(temporary, "wx+", 0o666), temporary);
  }

  /** Opens a file that will replace `path`. */
  static for(path: string): Promise<AtomicFile> {
    return AtomicFile.create(dirname(path), basename(path));
  }

  /** Makes the file appear at `path`, which is in the same folder. */
  async commit(path: string): Promise<void> {
    await this.handle.sync();
    await this.#close();
    await rename(this.#temporary, path);
    this.#renamed = true;
    await syncFolder(dirname(path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    if (!this.#renamed) await rm(this.#temporary, { force: true });
  }

  async #close(): Promise<void> {
    if (this.#open) await this.handle.close();
    this.#open = false;
  }
}

/** Flushes a folder's entries to the disk, where its file system can. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && (error.code === "EINVAL" || error.code === "ENOTSUP")))
      throw error;
  } finally {
    await handle.close();
  }
}
