import type { WrittenLayer } from "@stowage/oci";
import { decodeEntry, encodeEntry } from "./cache-entry.ts";
import { Remembered } from "./remembered.ts";

/** A file takes a block of the disk: 32 MiB at 4 KiB. An image has up to 125 layers. */
const MAX_ENTRIES = 8192;

/** Digests of layers, remembered from one process to the next; an entry that is damaged is none. */
export class DigestCache extends Remembered {
  constructor(environment: NodeJS.ProcessEnv, onNotice?: (notice: string) => void) {
    super(environment, { name: "digests", title: "the digest cache", maxEntries: MAX_ENTRIES, onNotice });
  }

  /** @param key 64 hexadecimal digits */
  get(key: string): WrittenLayer | undefined {
    const entry = this.entries.get(key);
    try {
      return entry && decodeEntry(key, entry.toString());
    } catch {
      return undefined;
    }
  }

  put(key: string, layer: WrittenLayer): void {
    this.entries.put(key, encodeEntry(key, layer));
  }
}
