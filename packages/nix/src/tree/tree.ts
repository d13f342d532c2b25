import type { SharedPipe } from "../nar/nar-pipe.ts";

/** Where a tree is read from, any number of times; plain data, so that it can be sent to a worker thread. */
export type TreeLocation = DiskLocation | NarLocation;

/** A NAR that comes out of a pipe, to be read once, whole, and in turn with whatever else comes out of it. */
export interface PipedNar {
  readonly narPipe: SharedPipe;
  /** Bytes of the NAR. */
  readonly length: number;
}

/** A NAR in a file that is open; threads share open files. */
export interface NarLocation {
  readonly narFile: number;
  /** Bytes from the file's start. */
  readonly offset: number;
  /** Bytes of the NAR. */
  readonly length: number;
}

/** A tree on this machine's disk. */
export interface DiskLocation {
  /** Absolute path on this machine's disk (under a chroot store this is not the logical store path). */
  readonly directory: string;
}

/**
 * One entry of a store path's tree. Entries come in NAR order: a directory before what is in it, names compared
 * by byte value, component by component. Permission bits other than "executable" do not exist in a store.
 */
export type TreeEntry = TreeDirectory | TreeSymlink | TreeFile;

/** An entry without its contents. */
export type TreeEntryHead = TreeDirectory | TreeSymlink | TreeFileHead;

interface TreeNode {
  /** Relative to the tree's root, components joined by `/`, raw bytes; empty for the root itself. */
  readonly path: Buffer;
}

/** A directory; what is in it follows. */
export interface TreeDirectory extends TreeNode {
  readonly type: "directory";
}

/** A symbolic link; where it leads is nobody's business here. */
export interface TreeSymlink extends TreeNode {
  readonly type: "symlink";
  /** Raw bytes. */
  readonly target: Buffer;
}

/** What is known of a regular file before its contents are read. */
export interface TreeFileHead extends TreeNode {
  readonly type: "file";
  readonly executable: boolean;
  /** Bytes. */
  readonly size: number;
}

/** A regular file, with its contents. */
export interface TreeFile extends TreeFileHead {
  /**
   * The contents, exactly `size` bytes. Each chunk is valid only until the next is asked for.
   * @throws NixError `path-corrupted` when the file changes, shrinks or grows while it is read, `path-unreadable`
   */
  chunks(): Iterable<Uint8Array>;
}
