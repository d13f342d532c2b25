import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import type { TreeEntry } from "@stowage/nix";

/** A tree in memory; names and targets are bytes. */
export type Tree = TreeFolder | TreeLink | TreeContents;

export interface TreeFolder {
  readonly type: "directory";
  readonly children: readonly (readonly [name: Buffer, child: Tree])[];
}

export interface TreeLink {
  readonly type: "symlink";
  readonly target: Buffer;
}

export interface TreeContents {
  readonly type: "file";
  readonly executable: boolean;
  readonly contents: Buffer;
}

type Bytes = string | Buffer;

export function folder(...children: readonly (readonly [name: Bytes, child: Tree])[]): TreeFolder {
  return {
    type: "directory",
    children: children.map(([name, child]) => [Buffer.from(name as Buffer), child]),
  };
}

export function link(target: Bytes): TreeLink {
  return { type: "symlink", target: Buffer.from(target as Buffer) };
}

export function file(contents: Bytes, executable = false): TreeContents {
  return { type: "file", executable, contents: Buffer.from(contents as Buffer) };
}

/** A chain of folders with one tree at its end. */
export function below(names: readonly Bytes[], last: Tree): Tree {
  return names.reduceRight((child, name) => folder([name, child]), last);
}

/** Bytes that differ from place to place, the same in every run. */
export function someBytes(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let state = (size + 1) >>> 0;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** Puts a tree on the disk. */
export function writeTree(place: Buffer, tree: Tree): void {
  if (tree.type === "symlink") symlinkSync(tree.target, place);
  else if (tree.type === "file")
    writeFileSync(place, tree.contents, { mode: tree.executable ? 0o755 : 0o644 });
  else {
    mkdirSync(place);
    for (const [name, child] of tree.children)
      writeTree(Buffer.concat([place, Buffer.from("/"), name]), child);
  }
}

/** A tree's entries in NAR order; contents come in chunks of at most `chunkBytes`. */
export function* treeEntries(
  tree: Tree,
  chunkBytes = Infinity,
  path: Buffer = Buffer.alloc(0),
): Generator<TreeEntry> {
  if (tree.type === "symlink") yield { type: "symlink", path, target: tree.target };
  else if (tree.type === "file") {
    const { executable, contents } = tree;
    yield { type: "file", path, executable, size: contents.length, chunks: () => cut(contents, chunkBytes) };
  } else {
    yield { type: "directory", path };
    for (const [name, child] of tree.children.toSorted(([a], [b]) => Buffer.compare(a, b)))
      yield* treeEntries(
        child,
        chunkBytes,
        path.length === 0 ? name : Buffer.concat([path, Buffer.from("/"), name]),
      );
  }
}

/** Bytes in pieces of at most `size`. */
export function* cut(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, Math.min(at + size, bytes.length));
}
