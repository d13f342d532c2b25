import { randomBytes } from "node:crypto";
import {
  closeSync,
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
import { cacheFolder } from "@stowage/nix";
import type { WrittenLayer } from "@stowage/oci";
import { decodeEntry, encodeEntry } from "./cache-entry.ts";

/** A file takes a block of the disk: 32 MiB at 4 KiB. An image has up to 125 layers. */
const MAX_ENTRIES = 8192;
/** A temporary file as old as this was left by a process that was killed. */
const LEFT_MILLISECONDS = 60 * 60 * 1000;
const OTHERS_MAY_WRITE = 0o022;
const ENTRY_NAME = /^[0-9a-f]{64}$/;

/** What the digest cache holds. */
export interface CacheContents {
  readonly folder: string;
  readonly entries: number;
  /** Bytes of all entries. */
  readonly bytes: number;
}

/**
 * Digests of layers, remembered from one process to the next: a file for each in `digests` of the cache folder, named by
 * its key. Entries appear by renaming and check themselves, so neither a lock nor a flush to the disk is needed; one
 * that is damaged is none. No failure is more than a notice: without the cache everything is only slower. A folder that
 * others may write to is not used: an entry is believed where bytes are not read.
 */
export class DigestCache implements Disposable {
  /** Empty for a user without a home, of whose layers nothing is remembered. */
  readonly folder: string;
  readonly #onNotice: (notice: string) => void;
  #isReadable: boolean;
  #isWritable = true;
  #added = 0;

  constructor(environment: NodeJS.ProcessEnv, onNotice: (notice: string) => void = () => {}) {
    const parent = cacheFolder(environment);
    this.folder = parent === undefined ? "" : join(parent, "digests");
    this.#onNotice = onNotice;
    this.#isReadable = this.#isOwn();
  }

  /** @param key 64 hexadecimal digits */
  get(key: string): WrittenLayer | undefined {
    if (!this.#isReadable) return undefined;
    try {
      return decodeEntry(key, readFileSync(join(this.folder, key), "utf8"));
    } catch {
      return undefined;
    }
  }

  put(key: string, layer: WrittenLayer): void {
    if (!this.#isWritable) return;
    try {
      if (this.#added === 0) this.#makeFolder();
      if (this.#isWritable) this.#write(key, encodeEntry(key, layer));
    } catch (error) {
      this.#isWritable = false;
      this.#onNotice(`the digest cache cannot be written: ${(error as Error).message}`);
    }
  }

  /** What is in the cache. */
  contents(): CacheContents {
    const entries = this.#isReadable ? this.#files() : [];
    const bytes = entries.reduce((sum, { size }) => sum + size, 0);
    return { folder: this.folder, entries: entries.length, bytes };
  }

  /** Removes all entries; returns what there was. */
  clear(): CacheContents {
    const contents = this.contents();
    for (const name of this.#isReadable ? this.#names() : [])
      rmSync(join(this.folder, name), { force: true });
    return contents;
  }

  /** Removes the oldest entries where there are too many. */
  [Symbol.dispose](): void {
    if (this.#added === 0) return;
    try {
      this.#removeLeft();
      if (this.#names().length <= MAX_ENTRIES) return;
      const oldest = this.#files().toSorted((a, b) => a.modified - b.modified);
      for (const { path } of oldest.slice(0, -MAX_ENTRIES * 0.75)) rmSync(path, { force: true });
    } catch (error) {
      this.#onNotice(`the digest cache cannot be tidied: ${(error as Error).message}`);
    }
  }

  #makeFolder(): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.#isReadable = this.#isOwn();
    this.#isWritable = this.#isReadable;
    if (!this.#isReadable)
      this.#onNotice(`the digest cache is not used: ${this.folder} is not this user's alone`);
  }

  #isOwn(): boolean {
    try {
      const stats = lstatSync(this.folder);
      return (
        stats.isDirectory() && stats.uid === process.geteuid?.() && (stats.mode & OTHERS_MAY_WRITE) === 0
      );
    } catch {
      return false;
    }
  }

  #write(key: string, text: string): void {
    const temporary = join(this.folder, `${key}.${randomBytes(8).toString("hex")}.tmp`);
    const fd = openSync(temporary, "wx", 0o600);
    try {
      writeFileSync(fd, text);
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
