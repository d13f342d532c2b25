import { createHash } from "node:crypto";
import { parseNarHash, type NarHash } from "../nar-hash.ts";
import type { TreeEntryHead } from "../tree/tree.ts";
import { NarSerialiser } from "./nar-serialiser.ts";

/** What Nix's database knows of a path's contents. */
export interface NarMeasure {
  readonly hash: NarHash;
  /** Bytes of the NAR. */
  readonly size: number;
}

/**
 * Hash and size of a tree's NAR, from entries that are pushed one by one, in NAR order, each regular file's contents
 * right after it in chunks of any size. Entries may come from anywhere: what is not one whole tree is an error.
 * Nothing is of use after an error.
 * @example
 *   const hasher = new NarHasher();
 *   hasher.begin({ type: "directory", path: Buffer.alloc(0) });
 *   hasher.begin({ type: "file", path: Buffer.from("hello"), executable: false, size: 6 });
 *   hasher.contents(Buffer.from("world\n"));
 *   const { hash, size } = hasher.finish();
 */
export class NarHasher {
  readonly #nar = new NarSerialiser();
  readonly #hash = createHash("sha256");
  #size = 0;

  /**
   * The next entry.
   * @param entry its path must not change afterwards; the target may
   * @throws NixError `tree-invalid` for one that is out of order, twice, outside a directory or badly named, and when
   *   the file before it is not complete
   */
  begin(entry: TreeEntryHead): void {
    this.#nar.begin(entry);
    if (this.#nar.isFull) this.#update(this.#nar.take());
  }

  /**
   * The next bytes of the file that began last; they are not kept.
   * @throws NixError `tree-invalid` for more than its size, and without a file
   */
  contents(chunk: Uint8Array): void {
    if (this.#nar.contents(chunk)) {
      if (this.#nar.isFull) this.#update(this.#nar.take());
      return;
    }
    this.#update(this.#nar.take());
    this.#update(chunk);
  }

  /**
   * The tree is whole.
   * @throws NixError `tree-invalid` when it is not: no entry at all, or contents missing
   */
  finish(): NarMeasure {
    this.#nar.finish();
    this.#update(this.#nar.take());
    return { hash: parseNarHash(this.#hash.digest("hex")), size: this.#size };
  }

  #update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#size += bytes.length;
  }
}
