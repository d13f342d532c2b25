import { posix } from "node:path";
import {
  NIX_SCHEMA_VERSION,
  nixDatabase,
  storePathBaseName,
  type PathInfo,
  type StorePath,
} from "@stowage/nix";
import type { RootNode, RootTree } from "./root-tree.ts";

const origin = "--with nix-db";

/**
 * Puts what makes the image's store one that Nix works with: its database, and a root of the garbage collector for each of
 * the given paths, which keeps what was packed.
 * @param infos of all paths of the image, sorted
 * @throws CoreError `place-clash` where a base has a database of its own
 */
export function putNixState(
  tree: RootTree,
  infos: readonly PathInfo[],
  { storeDir, kept }: { readonly storeDir: string; readonly kept: readonly StorePath[] },
): void {
  const state = `${posix.dirname(storeDir)}/var/nix`;
  tree.put(`${state}/db/db.sqlite`, file(nixDatabase(infos)));
  tree.put(`${state}/db/schema`, file(Buffer.from(String(NIX_SCHEMA_VERSION))));
  for (const path of kept) {
    const place = `${state}/gcroots/image/${storePathBaseName(path)}`;
    tree.put(place, { type: "symlink", mode: 0o777, target: path, origin });
  }
}

function file(bytes: Uint8Array): RootNode {
  return { type: "file", mode: 0o644, size: bytes.length, chunks: () => [bytes], origin };
}
