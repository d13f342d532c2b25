import { mkdir, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import pLimit from "p-limit";
import { hexOf, type Digest } from "../spec/digest.ts";
import { AtomicFile, syncFolder } from "./atomic-file.ts";
import { withOutputErrors } from "./output-error.ts";
import { removeLeftOvers } from "./temporary-name.ts";

/** How many blobs are open at once: each costs a file descriptor, and an image has up to 127. */
const OPEN_BLOBS = 16;

/** What blobs are called that have no digest yet. */
const BLOB = "blob";

/**
 * Blobs on their way into a layout's `blobs/sha256`: under temporary names until {@link BlobStage.commit}, so that an
 * image that fails half-way adds nothing. A blob that is there already is replaced by the same bytes, which mends it
 * where it was damaged.
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

  /** Stages one blob; `write` writes it into the new file and says its digest. Returns its size in bytes. */
  stage(write: (file: FileHandle) => Promise<Digest>): Promise<{ digest: Digest; size: number }> {
    return this.#limit(async () => {
      const file = await AtomicFile.create(join(this.#folder, BLOB), this.#shown);
      this.#files.push(file);
      const digest = await write(file.handle);
      const { size } = await file.handle.stat();
      await file.seal();
      this.#staged.push({ file, digest });
      return { digest, size };
    });
  }

  /** Gives all staged blobs their names. */
  async commit(): Promise<void> {
    for (const { file, digest } of this.#staged) await file.place(join(this.#folder, hexOf(digest)));
    await withOutputErrors(this.#shown, () => syncFolder(this.#folder));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#files) await file[Symbol.asyncDispose]();
  }
}
