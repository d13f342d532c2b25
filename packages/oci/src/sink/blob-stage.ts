import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import pLimit from "p-limit";
import { OciError } from "../errors.ts";
import { hexOf, type Digest } from "../spec/digest.ts";
import { AtomicFile, syncFolder } from "./atomic-file.ts";
import { systemErrorCode, withOutputErrors } from "./output-error.ts";
import { removeLeftOvers } from "./temporary-name.ts";

/** How many blobs are open at once: each costs a file descriptor, and an image has up to 127. */
const OPEN_BLOBS = 16;

/** What blobs are called that have no digest yet. */
const BLOB = "blob";

/**
 * Blobs on their way into a layout's `blobs/sha256`: under temporary names until {@link BlobStage.commit}, so that an
 * image that fails half-way adds nothing. A staged blob replaces one of the same digest, which mends it where it was
 * damaged.
 */
export class BlobStage implements AsyncDisposable {
  readonly #folder: string;
  readonly #shown: string;
  readonly #limit = pLimit(OPEN_BLOBS);
  readonly #files: AtomicFile[] = [];
  readonly #staged: { readonly file: AtomicFile; readonly digest: Digest }[] = [];

  private constructor(folder: string, shown: string) {
    this.#folder = folder;
    this.#shown = shown;
  }

  /** @param shown what errors call the layout */
  static open(layout: string, shown: string): Promise<BlobStage> {
    return withOutputErrors(shown, async () => {
      const folder = join(layout, "blobs", "sha256");
      await mkdir(folder, { recursive: true });
      await removeLeftOvers(join(folder, BLOB));
      return new BlobStage(folder, shown);
    });
  }

  /** Whether a blob is there with the size it must have; what is in it is not read. */
  async has({ digest, size }: { readonly digest: Digest; readonly size: number }): Promise<boolean> {
    const stats = await stat(this.#pathOf(digest)).catch(() => undefined);
    return stats !== undefined && stats.isFile() && stats.size === size;
  }

  /** Whether a small blob is there, whole. */
  async holds(digest: Digest, bytes: Buffer): Promise<boolean> {
    if (!(await this.has({ digest, size: bytes.length }))) return false;
    const existing = await readFile(this.#pathOf(digest)).catch(() => undefined);
    return existing !== undefined && existing.equals(bytes);
  }

  /** Stages a small blob that is in memory, where it is not there whole. */
  async stageBytes(digest: Digest, bytes: Buffer): Promise<void> {
    if (await this.holds(digest, bytes)) return;
    await this.stage(async (file) => {
      await file.writeAt(bytes, 0);
      return { digest };
    });
  }

  /** Stages one blob: `write` writes it into the new file and says its digest. */
  async stage<T extends { readonly digest: Digest }>(write: (file: AtomicFile) => Promise<T>): Promise<T> {
    for (;;) {
      const staged = await this.#stageIfRoom(write);
      if (staged !== undefined) return staged;
    }
  }

  /** Undefined where no further file can be opened now: from then on half as many are open at once. */
  #stageIfRoom<T extends { readonly digest: Digest }>(
    write: (file: AtomicFile) => Promise<T>,
  ): Promise<T | undefined> {
    return this.#limit(async () => {
      const file = await this.#createFile();
      if (file === undefined) return undefined;
      this.#files.push(file);
      const written = await write(file);
      await file.seal();
      this.#staged.push({ file, digest: written.digest });
      return written;
    });
  }

  async #createFile(): Promise<AtomicFile | undefined> {
    try {
      return await AtomicFile.create(join(this.#folder, BLOB), this.#shown);
    } catch (error) {
      const { activeCount } = this.#limit;
      const isFull = error instanceof OciError && systemErrorCode(error.cause) === "EMFILE";
      if (!isFull || activeCount === 1) throw error;
      this.#limit.concurrency = Math.ceil(activeCount / 2);
      return undefined;
    }
  }

  /** Gives all staged blobs their names. */
  async commit(): Promise<void> {
    if (this.#staged.length === 0) return;
    for (const { file, digest } of this.#staged) await file.place(this.#pathOf(digest));
    await withOutputErrors(this.#shown, () => syncFolder(this.#folder));
  }

  #pathOf(digest: Digest): string {
    return join(this.#folder, hexOf(digest));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#files) await file[Symbol.asyncDispose]();
  }
}
