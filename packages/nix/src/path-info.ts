import type { NarHash } from "./nar-hash.ts";
import type { StorePath } from "./store-path.ts";

/** What a Nix store's database knows about one valid store path. */
export interface PathInfo {
  readonly path: StorePath;
  /** SHA-256 of the path's NAR serialisation. */
  readonly narHash: NarHash;
  /** Bytes of the path's NAR serialisation. */
  readonly narSize: number;
  /** Store paths whose hash part occurs in this path, sorted by byte value; may name the path itself. */
  readonly references: readonly StorePath[];
  /** The derivation that built it, where the store knows one. Differs between stores: never part of an image. */
  readonly deriver?: string;
}

/** Roots with everything they need at run time: each reference of each path is one of the paths. */
export interface Closure {
  /** The logical store directory, `/nix/store` nearly everywhere. */
  readonly storeDir: string;
  /** In the order they were asked for, without repetition. */
  readonly roots: readonly StorePath[];
  /** Sorted by byte value of the path, without repetition. */
  readonly paths: readonly PathInfo[];
}
