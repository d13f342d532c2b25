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
  /** What the closure is of, in order, where the text says so: structured attributes do. */
  readonly roots?: readonly StorePath[];
  readonly paths: readonly ListedPath[];
}
