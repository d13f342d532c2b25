import { parseNarHash, type StorePath } from "@stowage/nix";
import { storeEntries } from "@stowage/core/internal";
import type { LayerEntry } from "@stowage/oci";

/** All bytes, copied chunk by chunk: a chunk is valid only until the next. */
export function collect(chunks: Iterable<Uint8Array>): Buffer {
  const copies: Buffer[] = [];
  for (const chunk of chunks) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies);
}

/** A layer of trees that lie below `root` on the disk, `/nix/store/x` at `root/nix/store/x`. */
export function storeLayer(root: string, paths: readonly string[]): Iterable<LayerEntry> {
  const trees = paths.map((path) => ({
    path: path as StorePath,
    location: { directory: `${root}${path}` },
    // Of no use where nothing is checked.
    narHash: parseNarHash("0".repeat(64)),
  }));
  return storeEntries({ storeDir: "/nix/store", trees });
}
