import { NixError } from "../errors.ts";
import { wrongName, wrongTarget } from "./entry-name.ts";
import type { TreeEntryHead } from "./tree.ts";

const SLASH = 0x2f;
const NO_NAME = Buffer.alloc(0);

/** A directory whose entries are coming. */
interface OpenDirectory {
  readonly path: Buffer;
  /** The name of the entry that came last; empty before the first. */
  last: Buffer;
}

/**
 * Checks that entries, which may come from anywhere, are one tree in NAR order: a root first, each other one in a
 * directory that is still open, names increasing by byte value, none twice. Remembers the open directories only.
 * How deep a tree may be is not checked: Nix before 2.34 has no limit, and stores hold what it took.
 */
export class TreeOrder {
  readonly #open: OpenDirectory[] = [];
  #started = false;

  /** How many directories are open: an entry's parents, and itself where it is a directory. */
  get depth(): number {
    return this.#open.length;
  }

  /**
   * Takes the next entry, whose path must not change afterwards.
   * @returns how many directories ended before it
   * @throws NixError `tree-invalid`
   */
  next(entry: TreeEntryHead): number {
    const { path } = entry;
    const ended = this.#started ? this.#enter(path) : this.#root(path);
    if (entry.type === "symlink") refuse(path, wrongTarget(entry.target));
    if (entry.type === "file" && !(Number.isSafeInteger(entry.size) && entry.size >= 0))
      throw invalid(path, "a size that is not a number of bytes");
    if (entry.type === "directory") this.#open.push({ path, last: NO_NAME });
    return ended;
  }

  #root(path: Buffer): number {
    if (path.length > 0) throw invalid(path, "no root before it");
    this.#started = true;
    return 0;
  }

  #enter(path: Buffer): number {
    const end = Math.max(path.lastIndexOf(SLASH), 0);
    const name = end === 0 ? path : path.subarray(end + 1);
    let ended = 0;
    let parent = this.#open.at(-1);
    while (parent !== undefined && !isPath(parent.path, path, end)) {
      this.#open.pop();
      ended++;
      parent = this.#open.at(-1);
    }
    if (path.length === 0) throw invalid(path, "a root twice");
    refuse(path, wrongName(name));
    if (parent === undefined) throw invalid(path, "a parent that is no directory, or was left before");
    if (Buffer.compare(parent.last, name) >= 0) {
      throw invalid(path, parent.last.equals(name) ? "a name that occurs twice" : "a name out of order");
    }
    parent.last = name;
    return ended;
  }
}

/** Whether a directory's path is the first `end` bytes of another. */
function isPath(directory: Buffer, path: Buffer, end: number): boolean {
  return directory.length === end && directory.compare(path, 0, end, 0, end) === 0;
}

function refuse(path: Buffer, what: string | undefined): void {
  if (what !== undefined) throw invalid(path, what);
}

function invalid(path: Buffer, what: string): NixError {
  const name = path.toString();
  return new NixError("tree-invalid", `'${name}' has ${what}, which no store path's tree has`, {
    path: name,
  });
}
