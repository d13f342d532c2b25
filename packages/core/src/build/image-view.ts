import { closeSync, lstatSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { readSome, storePathBaseName, treeError, type Store, type StorePath } from "@stowage/nix";
import type { RootTree } from "./root/root-tree.ts";

/** A file or directory as the container will see it, every symlink followed. */
export interface Found {
  /** Absolute path in the image, free of symlinks. */
  readonly place: string;
  readonly type: "file" | "directory";
  /** For a file: whether anybody may run it. */
  readonly executable: boolean;
}

const MAX_SYMLINKS = 40;

/**
 * The image's file system before it exists: the store paths of one closure, and what stands beside them. Symlinks are
 * followed inside the image only, so what lies on this machine's disk never answers.
 */
export class ImageView {
  readonly #store: Store;
  readonly #paths: ReadonlyMap<string, StorePath>;
  readonly #tree: RootTree;

  constructor(store: Store, paths: Iterable<StorePath>, tree: RootTree) {
    this.#store = store;
    this.#paths = new Map([...paths].map((path) => [storePathBaseName(path), path]));
    this.#tree = tree;
  }

  /** What is at an absolute path; undefined where nothing is, or a symlink dangles or loops. */
  find(place: string): Found | undefined {
    const waiting = components(place);
    let here: string[] = [];
    let symlinks = 0;
    while (waiting.length > 0) {
      const name = waiting.shift() as string;
      if (name === "..") {
        here = here.slice(0, -1);
        continue;
      }
      const next = [...here, name];
      const node = this.#node(next);
      if (node === undefined) return undefined;
      if (node.type === "symlink") {
        if (++symlinks > MAX_SYMLINKS) return undefined;
        if (node.target.startsWith("/")) here = [];
        waiting.unshift(...components(node.target));
        continue;
      }
      if (waiting.length > 0 && node.type !== "directory") return undefined;
      here = next;
    }
    const node = this.#node(here);
    if (node === undefined || node.type === "symlink") return undefined;
    return { place: `/${here.join("/")}`, type: node.type, executable: node.executable };
  }

  /** The executable regular file at a path, symlinks followed. */
  findProgram(place: string): Found | undefined {
    const found = this.find(place);
    return found?.type === "file" && found.executable ? found : undefined;
  }

  /** Names in a directory inside a store path, sorted by code unit; empty where there is no such directory. */
  list(place: string): string[] {
    const found = this.find(place);
    if (found?.type !== "directory") return [];
    const onDisk = this.#onDisk(components(found.place));
    return onDisk === undefined ? [] : reading(onDisk, () => readdirSync(onDisk).toSorted());
  }

  /** The first bytes of a file, fewer where it is shorter. */
  readHead(file: Found, bytes: number): Buffer {
    const onDisk = this.#onDisk(components(file.place));
    if (onDisk === undefined) return this.#readOwnHead(file.place, bytes);
    return reading(onDisk, () => {
      const fd = openSync(onDisk, "r");
      try {
        const head = Buffer.alloc(bytes);
        return head.subarray(0, readSome(fd, head, bytes, 0));
      } finally {
        closeSync(fd);
      }
    });
  }

  #readOwnHead(place: string, bytes: number): Buffer {
    const node = this.#tree.get(place);
    if (node?.type !== "file") return Buffer.alloc(0);
    const parts: Buffer[] = [];
    let length = 0;
    for (const chunk of node.chunks()) {
      parts.push(Buffer.from(chunk));
      length += chunk.length;
      if (length >= bytes) break;
    }
    return Buffer.concat(parts).subarray(0, bytes);
  }

  #node(parts: readonly string[]): Node | undefined {
    const place = `/${parts.join("/")}`;
    if (place === "/" || place === this.#store.storeDir || this.#store.storeDir.startsWith(`${place}/`)) {
      return { type: "directory", executable: false };
    }
    const onDisk = this.#onDisk(parts);
    if (onDisk !== undefined) return nodeOnDisk(onDisk);
    const own = this.#tree.get(place);
    if (own === undefined) return undefined;
    return own.type === "symlink"
      ? own
      : { type: own.type, executable: own.type === "file" && (own.mode & 0o111) !== 0 };
  }

  #onDisk(parts: readonly string[]): string | undefined {
    const storeParts = components(this.#store.storeDir);
    if (parts.length <= storeParts.length || storeParts.some((part, index) => parts[index] !== part))
      return undefined;
    const path = this.#paths.get(parts[storeParts.length] as string);
    if (path === undefined) return undefined;
    return join(this.#store.locateTree(path).directory, ...parts.slice(storeParts.length + 1));
  }
}

type Node =
  | { readonly type: "symlink"; readonly target: string }
  | { readonly type: "file" | "directory"; readonly executable: boolean };

function nodeOnDisk(onDisk: string): Node | undefined {
  return reading(onDisk, () => {
    const stats = lstatSync(onDisk, { throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    if (stats.isSymbolicLink()) return { type: "symlink", target: readlinkSync(onDisk) };
    if (stats.isDirectory()) return { type: "directory", executable: false };
    return { type: "file", executable: (stats.mode & 0o100) !== 0 };
  });
}

function reading<T>(onDisk: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw treeError(error, Buffer.from(onDisk));
  }
}

function components(place: string): string[] {
  return place.split("/").filter((part) => part !== "" && part !== ".");
}
