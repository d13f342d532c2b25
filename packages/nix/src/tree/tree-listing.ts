import { fileChunks } from "./file-chunks.ts";
import type { DiskLocation, TreeEntry, TreeEntryHead } from "./tree.ts";

const DIRECTORY = 0;
const SYMLINK = 1;
const FILE = 2;
const EXECUTABLE = 3;

/** Kind, length of the path, and a number: a file's size, or the length of a symlink's target. */
const HEAD_BYTES = 1 + 4 + 8;
const FIRST_BYTES = 4096;

/**
 * A tree's entries without their contents, as bytes: about 60 for each, so that what a tree holds can be kept, and sent
 * to another thread, instead of being read from its directories again.
 */
export class ListingWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #used = 0;

  add(entry: TreeEntryHead): void {
    const { path } = entry;
    const target = entry.type === "symlink" ? entry.target : undefined;
    this.#reserve(HEAD_BYTES + path.length + (target?.length ?? 0));
    this.#bytes.writeUInt8(kindOf(entry), this.#used);
    this.#bytes.writeUInt32LE(path.length, this.#used + 1);
    this.#bytes.writeDoubleLE(entry.type === "file" ? entry.size : (target?.length ?? 0), this.#used + 5);
    this.#used += HEAD_BYTES;
    this.#put(path);
    if (target !== undefined) this.#put(target);
  }

  /** Bytes so far. */
  get length(): number {
    return this.#used;
  }

  /** The listing, in memory of its own. */
  finish(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes.subarray(0, this.#used));
  }

  #put(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#used + bytes));
    this.#bytes.copy(larger, 0, 0, this.#used);
    this.#bytes = larger;
  }
}

/**
 * A tree as it was when it was listed; its files are read from disk as they are now.
 * @throws NixError as {@link readTree} does
 */
export function* readListedTree(location: DiskLocation, listing: Uint8Array): Generator<TreeEntry> {
  const bytes = Buffer.from(listing.buffer, listing.byteOffset, listing.length);
  const root = Buffer.from(location.directory);
  const below = Buffer.from(`${location.directory}/`);
  for (let at = 0; at < bytes.length;) {
    const kind = bytes[at];
    const pathEnd = at + HEAD_BYTES + bytes.readUInt32LE(at + 1);
    const number = bytes.readDoubleLE(at + 5);
    const path = bytes.subarray(at + HEAD_BYTES, pathEnd);
    at = pathEnd;
    if (kind === DIRECTORY) yield { type: "directory", path };
    else if (kind === SYMLINK) {
      at += number;
      yield { type: "symlink", path, target: bytes.subarray(pathEnd, at) };
    } else {
      const onDisk = path.length === 0 ? root : Buffer.concat([below, path]);
      const executable = kind === EXECUTABLE;
      yield { type: "file", path, executable, size: number, chunks: () => fileChunks(onDisk, number) };
    }
  }
}

function kindOf(entry: TreeEntryHead): number {
  if (entry.type === "directory") return DIRECTORY;
  if (entry.type === "symlink") return SYMLINK;
  return entry.executable ? EXECUTABLE : FILE;
}
