import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "@stowage/nix/cache-folder";
import { isOwnFolder } from "./own-folder.ts";

/** A temporary file as old as this was left by a process that was killed. */
const LEFT_MILLISECONDS = 60 * 60 * 1000;
/** An entry that is taken is dated anew when its date is as old as this. */
const DATED_MILLISECONDS = 24 * 60 * 60 * 1000;
const ENTRY_NAME = /^[0-9a-f]{64}$/;

/** What a folder of remembered things holds. */
export interface CacheContents {
  readonly folder: string;
  readonly entries: number;
  /** Bytes of all entries. */
  readonly bytes: number;
  /** Only where it is: others may write to it, or it is no folder. */
  readonly isUnused?: true;
}

export interface CacheFolderOptions {
  /** Of the folder in the cache folder. */
  readonly name: string;
  /** What messages call it. */
  readonly title: string;
  /** With more those go that were not taken for longest, to a day. */
  readonly maxEntries: number;
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/**
 * What is remembered from one process to the next: a file for each thing in a folder of the cache folder, named by its key.
 * Entries appear by renaming and have to check themselves, so neither a lock nor a flush to the disk is needed. No failure is more than a
 * notice: without the cache everything is only slower. A folder that others may write to is not used: an entry is believed
 * where bytes are not read.
 */
export class CacheFolder implements Disposable {
  /** Empty for a user without a home, of whose layers nothing is remembered. */
  readonly folder: string;
  readonly #options: CacheFolderOptions;
  #isReadable: boolean;
  #isWritable = true;
  #added = 0;

  constructor(environment: NodeJS.ProcessEnv, options: CacheFolderOptions) {
    const parent = cacheFolder(environment);
    this.folder = parent === undefined ? "" : join(parent, options.name);
    this.#options = options;
    this.#isReadable = this.#isOwn();
  }

  /** @param key 64 hexadecimal digits */
  get(key: string): Buffer | undefined {
    if (!this.#isReadable) return undefined;
    try {
      return readRegularFile(join(this.folder, key));
    } catch {
      return undefined;
    }
  }

  put(key: string, entry: string | Uint8Array): void {
    if (!this.#isWritable) return;
    try {
      if (this.#added === 0) this.#makeFolder();
      if (this.#isWritable) this.#write(key, entry);
    } catch (error) {
      this.#isWritable = false;
      this.#note(`cannot be written: ${(error as Error).message}`);
    }
  }

  remove(key: string): void {
    if (!this.#isReadable) return;
    try {
      rmSync(join(this.folder, key), { force: true });
    } catch (error) {
      this.#note(`cannot be written: ${(error as Error).message}`);
    }
  }

  /** What is in it. */
  contents(): CacheContents {
    const entries = this.#isReadable ? this.#files() : [];
    const bytes = entries.reduce((sum, { size }) => sum + size, 0);
    const isUnused = !this.#isReadable && lstatSync(this.folder, { throwIfNoEntry: false }) !== undefined;
    return { folder: this.folder, entries: entries.length, bytes, ...(isUnused ? { isUnused } : {}) };
  }

  /** Removes all entries, and what killed processes left; returns what entries there were. */
  clear(): CacheContents {
    const contents = this.contents();
    if (!this.#isReadable) return contents;
    for (const name of this.#names()) rmSync(join(this.folder, name), { recursive: true, force: true });
    this.#removeLeft();
    return contents;
  }

  /** Removes the oldest entries where there are too many. */
  [Symbol.dispose](): void {
    if (this.#added === 0) return;
    const { maxEntries } = this.#options;
    try {
      this.#removeLeft();
      if (this.#names().length <= maxEntries) return;
      const oldest = this.#files().toSorted((a, b) => a.modified - b.modified);
      for (const { path } of oldest.slice(0, -maxEntries * 0.75)) rmSync(path, { force: true });
    } catch (error) {
      this.#note(`cannot be tidied: ${(error as Error).message}`);
    }
  }

  #makeFolder(): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.#isReadable = this.#isOwn();
    this.#isWritable = this.#isReadable;
    if (!this.#isReadable) this.#note(`is not used: ${this.folder} is not this user's alone`);
  }

  #isOwn(): boolean {
    try {
      return isOwnFolder(this.folder);
    } catch {
      return false;
    }
  }

  #note(notice: string): void {
    this.#options.onNotice?.(`${this.#options.title} ${notice}`);
  }

  #write(key: string, entry: string | Uint8Array): void {
    const temporary = join(this.folder, `${key}.${randomBytes(8).toString("hex")}.tmp`);
    const fd = openSync(temporary, "wx", 0o600);
    try {
      writeFileSync(fd, entry);
      renameSync(temporary, join(this.folder, key));
      this.#added++;
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(fd);
    }
  }

  #names(): string[] {
    return readdirSync(this.folder).filter((name) => ENTRY_NAME.test(name));
  }

  #files(): { readonly path: string; readonly size: number; readonly modified: number }[] {
    return this.#names().flatMap((name) => {
      const path = join(this.folder, name);
      const stats = lstatSync(path, { throwIfNoEntry: false });
      return stats === undefined ? [] : [{ path, size: stats.size, modified: stats.mtimeMs }];
    });
  }

  #removeLeft(): void {
    for (const name of readdirSync(this.folder)) {
      if (!name.endsWith(".tmp")) continue;
      const path = join(this.folder, name);
      const stats = lstatSync(path, { throwIfNoEntry: false });
      if (stats !== undefined && Date.now() - stats.mtimeMs > LEFT_MILLISECONDS)
        rmSync(path, { force: true });
    }
  }
}

/**
 * The contents of an entry that is taken. A pipe or a device in its place would be waited for, or read without end; a symlink leads
 * to what nobody here wrote.
 */
function readRegularFile(path: string): Buffer | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) return undefined;
    if (Date.now() - stats.mtimeMs > DATED_MILLISECONDS) dateAnew(fd);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function dateAnew(fd: number): void {
  const now = new Date();
  try {
    futimesSync(fd, now, now);
  } catch {
    // In a file system that takes nothing nothing is removed either.
  }
}
