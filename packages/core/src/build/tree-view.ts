import { closeSync, lstatSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { readTree, type NarLocation, type TreeEntry, type TreeLocation } from "@stowage/nix";
import { readSome, treeError } from "@stowage/nix/internal";

/** What is at a place, symlinks not followed. */
export type TreeNode =
  | { readonly type: "symlink"; readonly target: string }
  | { readonly type: "file" | "directory"; readonly executable: boolean };

/** One store path's tree, looked into here and there. Places are relative to it, empty for the tree itself. */
export interface TreeView {
  node(place: string): TreeNode | undefined;
  /** Names in a directory, sorted by code unit. */
  list(place: string): string[];
  /** The first bytes of a file, fewer where it is shorter. */
  readHead(place: string, bytes: number): Buffer;
}

export function viewTree(location: TreeLocation): TreeView {
  return "directory" in location ? new DiskView(location.directory) : new NarView(location);
}

class DiskView implements TreeView {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  node(place: string): TreeNode | undefined {
    return this.#reading(place, (onDisk) => {
      const stats = lstatSync(onDisk, { throwIfNoEntry: false });
      if (stats === undefined) return undefined;
      if (stats.isSymbolicLink()) return { type: "symlink", target: readlinkSync(onDisk) };
      if (stats.isDirectory()) return { type: "directory", executable: false };
      return { type: "file", executable: (stats.mode & 0o100) !== 0 };
    });
  }

  list(place: string): string[] {
    return this.#reading(place, (onDisk) => readdirSync(onDisk).toSorted());
  }

  readHead(place: string, bytes: number): Buffer {
    return this.#reading(place, (onDisk) => {
      const fd = openSync(onDisk, "r");
      try {
        const head = Buffer.alloc(bytes);
        return head.subarray(0, readSome(fd, head, bytes, 0));
      } finally {
        closeSync(fd);
      }
    });
  }

  #reading<T>(place: string, read: (onDisk: string) => T): T {
    const onDisk = join(this.#directory, place);
    try {
      return read(onDisk);
    } catch (error) {
      throw treeError(error, Buffer.from(onDisk));
    }
  }
}

/** A NAR has no places to look at: its entries are listed once. */
class NarView implements TreeView {
  readonly #entries: ReadonlyMap<string, TreeEntry>;

  constructor(location: NarLocation) {
    this.#entries = new Map([...readTree(location)].map((entry) => [entry.path.toString(), entry]));
  }

  node(place: string): TreeNode | undefined {
    const entry = this.#entries.get(place);
    if (entry === undefined) return undefined;
    if (entry.type === "symlink") return { type: "symlink", target: entry.target.toString() };
    return { type: entry.type, executable: entry.type === "file" && entry.executable };
  }

  list(place: string): string[] {
    const prefix = place === "" ? "" : `${place}/`;
    return [...this.#entries.keys()]
      .filter((path) => path !== "" && path.startsWith(prefix) && !path.includes("/", prefix.length))
      .map((path) => path.slice(prefix.length))
      .toSorted();
  }

  readHead(place: string, bytes: number): Buffer {
    const entry = this.#entries.get(place);
    if (entry?.type !== "file") return Buffer.alloc(0);
    return readFirst(entry.chunks(), bytes);
  }
}

/** The first bytes of contents. */
export function readFirst(chunks: Iterable<Uint8Array>, bytes: number): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  for (const chunk of chunks) {
    parts.push(Buffer.from(chunk.subarray(0, bytes - length)));
    length += chunk.length;
    if (length >= bytes) break;
  }
  return Buffer.concat(parts);
}
