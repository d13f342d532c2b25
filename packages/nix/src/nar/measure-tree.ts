import { createHash, type Hash } from "node:crypto";
import { parseNarHash, type NarHash } from "../nar-hash.ts";
import type { TreeEntry } from "../tree/tree.ts";

const SLASH = 0x2f;

/**
 * Hash and size of a tree's NAR serialisation (Nix manual, "Nix Archive (NAR) Format"), without writing it anywhere:
 * every string as a 64-bit little-endian length, its bytes, and zeros up to a multiple of 8.
 * @param entries a whole tree, in NAR order
 */
export function measureTree(entries: Iterable<TreeEntry>): { readonly hash: NarHash; readonly size: number } {
  const nar = new NarDigest();
  let openDirectories = 0;
  const closeDownTo = (depth: number): void => {
    while (openDirectories > depth) {
      openDirectories--;
      nar.closeNode(openDirectories);
    }
  };
  nar.text("nix-archive-1");
  for (const entry of entries) {
    const depth = depthOf(entry.path);
    closeDownTo(depth);
    if (depth > 0) {
      nar.text("entry", "(", "name");
      nar.bytes(entry.path.subarray(entry.path.lastIndexOf(SLASH) + 1));
      nar.text("node");
    }
    nar.text("(", "type", entry.type === "file" ? "regular" : entry.type);
    if (entry.type === "directory") {
      openDirectories++;
      continue;
    }
    if (entry.type === "symlink") {
      nar.text("target");
      nar.bytes(entry.target);
    } else {
      if (entry.executable) nar.text("executable", "");
      nar.text("contents");
      nar.chunks(entry.size, entry.chunks());
    }
    nar.closeNode(depth);
  }
  closeDownTo(0);
  return nar.finish();
}

/** 0 for the tree's root. */
function depthOf(path: Buffer): number {
  if (path.length === 0) return 0;
  let depth = 1;
  for (const byte of path) if (byte === SLASH) depth++;
  return depth;
}

class NarDigest {
  readonly #hash: Hash = createHash("sha256");
  #size = 0;

  text(...words: readonly string[]): void {
    for (const word of words) this.bytes(Buffer.from(word));
  }

  bytes(bytes: Buffer): void {
    this.chunks(bytes.length, [bytes]);
  }

  chunks(size: number, chunks: Iterable<Uint8Array>): void {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(size));
    this.#update(length);
    for (const chunk of chunks) this.#update(chunk);
    this.#update(Buffer.alloc((8 - (size % 8)) % 8));
  }

  /** Ends a node; below the root also the directory entry around it. */
  closeNode(depth: number): void {
    this.text(")");
    if (depth > 0) this.text(")");
  }

  finish(): { hash: NarHash; size: number } {
    return { hash: parseNarHash(this.#hash.digest("hex")), size: this.#size };
  }

  #update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#size += bytes.length;
  }
}
