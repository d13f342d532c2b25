import {
  NarHasher,
  NixError,
  readListedTree,
  readTree,
  type NarHash,
  type StorePath,
  type TreeEntry,
  type TreeFile,
  type PipedNar,
  type TreeLocation,
} from "@stowage/nix/thread";
import type { LayerEntry } from "@stowage/oci/thread";

/** One store path of a layer; plain data, so that a worker thread can be told. */
export interface StoreTree {
  readonly path: StorePath;
  readonly location: TreeLocation | PipedNar;
  /** What the store's database says of the contents. */
  readonly narHash: NarHash;
}

/** A layer of store paths; plain data. */
export interface StoreLayerContent {
  readonly storeDir: string;
  readonly trees: readonly StoreTree[];
  /** What each tree holds, where it was listed before; otherwise its directories are read. */
  readonly listings?: readonly Uint8Array[] | undefined;
}

export interface StoreEntriesOptions {
  /**
   * Each tree's NAR hash is computed from the very contents that are read here, all of which must be read; a tree that
   * is not what its hash says ends the iteration. A NAR out of a pipe is hashed before it comes there.
   */
  readonly check?: boolean;
  /** Called with each entry of each tree, by the tree's position. */
  readonly onEntry?: (entry: TreeEntry, tree: number) => void;
}

/**
 * A layer's entries: the store directory with its parents, then each tree in layer order. Modes are Nix's own
 * canonical ones (`canonicalisePathMetaData`: readable by all, writable by none), owner root, so bytes depend on
 * nothing but the trees.
 * @throws NixError `path-corrupted`, `path-unreadable`
 */
export function* storeEntries(
  content: StoreLayerContent,
  options: StoreEntriesOptions = {},
): Generator<LayerEntry> {
  const parts = content.storeDir.split("/").slice(1);
  for (const index of parts.keys()) {
    const name = Buffer.from(`/${parts.slice(0, index + 1).join("/")}`);
    yield { type: "directory", name, mode: 0o755 };
  }
  for (const [index, tree] of content.trees.entries()) {
    const root = Buffer.from(tree.path);
    const prefix = Buffer.from(`${tree.path}/`);
    const listing = content.listings?.[index];
    const { location } = tree;
    const nar = options.check && !("narPipe" in location) ? new NarHasher() : undefined;
    const isListed = listing !== undefined && "directory" in location;
    const entries = isListed ? readListedTree(location, listing) : readTree(location);
    for (const entry of entries) {
      nar?.begin(entry);
      options.onEntry?.(entry, index);
      const name = entry.path.length === 0 ? root : Buffer.concat([prefix, entry.path]);
      yield toLayerEntry(name, entry, nar);
    }
    if (nar !== undefined) requireHash(tree, nar.finish().hash);
  }
}

function toLayerEntry(name: Buffer, entry: TreeEntry, nar: NarHasher | undefined): LayerEntry {
  switch (entry.type) {
    case "directory":
      return { type: "directory", name, mode: 0o555 };
    case "symlink":
      return { type: "symlink", name, mode: 0o777, target: entry.target };
    case "file":
      return {
        type: "file",
        name,
        mode: entry.executable ? 0o555 : 0o444,
        size: entry.size,
        chunks: nar === undefined ? () => entry.chunks() : () => hashedChunks(entry, nar),
      };
  }
}

function* hashedChunks(file: TreeFile, nar: NarHasher): Generator<Uint8Array> {
  for (const chunk of file.chunks()) {
    nar.contents(chunk);
    yield chunk;
  }
}

function requireHash({ path, narHash }: StoreTree, found: NarHash): void {
  if (found === narHash) return;
  throw new NixError(
    "path-corrupted",
    `${path} is corrupted: its NAR hash is ${found}, and the store's database says ${narHash}`,
    { path, hint: `Mend it (nix-store --repair-path ${path}), or pack it as it is with --no-check.` },
  );
}
