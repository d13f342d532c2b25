import type { WrittenLayer } from "@stowage/oci";
import { decodeEntry, encodeEntry } from "./cache-entry.ts";
import { CacheFolder, type CacheContents } from "./cache-folder.ts";

/** A file takes a block of the disk: 32 MiB at 4 KiB. An image has up to 125 layers. */
const MAX_ENTRIES = 8192;

/** Digests of layers, remembered from one process to the next; an entry that is damaged is none. */
export class DigestCache implements Disposable {
  readonly #entries: CacheFolder;

  constructor(environment: NodeJS.ProcessEnv, onNotice?: (notice: string) => void) {
    const options = { name: "digests", title: "the digest cache", maxEntries: MAX_ENTRIES, onNotice };
    this.#entries = new CacheFolder(environment, options);
  }

  /** Empty for a user without a home, of whose layers nothing is remembered. */
  get folder(): string {
    return this.#entries.folder;
  }

  /** @param key 64 hexadecimal digits */
  get(key: string): WrittenLayer | undefined {
    const entry = this.#entries.get(key);
    try {
      return entry && decodeEntry(key, entry.toString());
    } catch {
      return undefined;
    }
  }

  put(key: string, layer: WrittenLayer): void {
    this.#entries.put(key, encodeEntry(key, layer));
  }

  /** What is in the cache. */
  contents(): CacheContents {
    return this.#entries.contents();
  }

  /** Removes all entries; returns what there was. */
  clear(): CacheContents {
    return this.#entries.clear();
  }

  /** Removes the oldest entries where there are too many. */
  [Symbol.dispose](): void {
    this.#entries[Symbol.dispose]();
  }
}
