/** One entry of a layer, with its metadata decided. Names and targets are bytes, not strings. */
export type LayerEntry = LayerDirectory | LayerSymlink | LayerFile;

interface LayerNode {
  /** Absolute, normalised, without a trailing slash: `/nix/store/…`. Written with its leading slash. */
  readonly name: Buffer;
  /** Permission bits, `0o555` for example. */
  readonly mode: number;
  /** 0 unless said otherwise; user name `root` is written for 0 and none for any other. */
  readonly uid?: number;
  readonly gid?: number;
}

/** A directory; what is in it follows. */
export interface LayerDirectory extends LayerNode {
  readonly type: "directory";
}

/** A symbolic link. */
export interface LayerSymlink extends LayerNode {
  readonly type: "symlink";
  readonly target: Buffer;
}

/** A regular file, with its contents. */
export interface LayerFile extends LayerNode {
  readonly type: "file";
  /** Bytes. */
  readonly size: number;
  /** Exactly `size` bytes. Each chunk is valid only until the next is asked for. */
  chunks(): Iterable<Uint8Array>;
}
