import { readTree, type StorePath, type TreeEntry, type TreeLocation } from "@stowage/nix";
import type { LayerEntry } from "@stowage/oci";

/** One store path of a layer; plain data, so that a worker thread can be told. */
export interface StoreTree {
  readonly path: StorePath;
  readonly location: TreeLocation;
}

/** A layer of store paths; plain data. */
export interface StoreLayerContent {
  readonly storeDir: string;
  readonly trees: readonly StoreTree[];
}

/**
 * A layer's entries: the store directory with its parents, then each tree in layer order. Modes are Nix's own
 * canonical ones (`canonicalisePathMetaData`: readable by all, writable by none), owner root, so bytes depend on
 * nothing but the trees.
 */
export function* storeEntries(content: StoreLayerContent): Generator<LayerEntry> {
  const parts = content.storeDir.split("/").slice(1);
  for (const index of parts.keys()) {
    const name = Buffer.from(`/${parts.slice(0, index + 1).join("/")}`);
    yield { type: "directory", name, mode: 0o755 };
  }
  for (const { path, location } of content.trees) {
    const root = Buffer.from(path);
    const prefix = Buffer.from(`${path}/`);
    for (const entry of readTree(location)) {
      yield toLayerEntry(entry.path.length === 0 ? root : Buffer.concat([prefix, entry.path]), entry);
    }
  }
}

function toLayerEntry(name: Buffer, entry: TreeEntry): LayerEntry {
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
        chunks: () => entry.chunks(),
      };
  }
}
