import type { NarHash } from "../nar-hash.ts";
import type { StorePath } from "../store-path.ts";

/** What an exported closure says of one path. The short registration text says neither hash nor size. */
export interface ListedPath {
  readonly path: StorePath;
  /** Sorted by byte value; may name the path itself. */
  readonly references: readonly StorePath[];
  readonly deriver?: string;
  /** Hash and size of the NAR, where the text has them. */
  readonly nar?: { readonly hash: NarHash; readonly size: number };
}

/** An exported closure, read. */
export interface ClosureText {
  readonly storeDir: string;
  readonly paths: readonly ListedPath[];
}
