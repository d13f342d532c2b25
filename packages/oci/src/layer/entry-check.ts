import { OciError } from "../errors.ts";
import type { LayerEntry } from "./entry.ts";

const SLASH = 0x2f;
const DOT = 0x2e;
const WHITEOUT = Buffer.from(".wh.");
/** Longer than any path a kernel takes; keeps a header far below the writer's buffer. */
const MAX_NAME_BYTES = 64 * 1024;
const PERMISSION_BITS = 0o7777;

/**
 * Checks a layer's entries one after another: names absolute, normalised, no whiteout, none twice, nothing below what
 * is no directory. Entries come depth first, all of a directory together, so that only the names in directories that
 * are still open are remembered: memory grows with the largest directory, not with the number of files.
 */
export class EntryCheck {
  readonly #open: OpenDirectory[] = [{ path: Buffer.alloc(0), names: new Set() }];

  /** @throws OciError `entry-unrepresentable` */
  check(entry: LayerEntry): void {
    checkName(entry.name);
    checkMetadata(entry);
    const slash = entry.name.lastIndexOf(SLASH);
    const parent = this.#enter(entry.name, slash);
    register(parent, entry.name, slash + 1, entry.name.length);
    if (entry.type === "directory") this.#open.push({ path: entry.name, names: new Set() });
  }

  /** The directory whose path is the name's first `end` bytes, opened where no entry stands for it. */
  #enter(name: Buffer, end: number): OpenDirectory {
    while (!isWithin(name, end, this.#top())) this.#open.pop();
    while (this.#top().path.length < end) {
      const start = this.#top().path.length + 1;
      const slash = name.indexOf(SLASH, start);
      register(this.#top(), name, start, slash);
      this.#open.push({ path: name.subarray(0, slash), names: new Set() });
    }
    return this.#top();
  }

  #top(): OpenDirectory {
    return this.#open.at(-1) as OpenDirectory;
  }
}

/** A directory whose entries are coming. The root's path is empty. */
interface OpenDirectory {
  readonly path: Buffer;
  /** Names of what has come so far, as Latin-1 so that each byte counts. */
  readonly names: Set<string>;
}

/** Whether a name's first `end` bytes are a directory's path or lie below it. */
function isWithin(name: Buffer, end: number, { path }: OpenDirectory): boolean {
  if (end < path.length || name[path.length] !== SLASH) return false;
  return name.compare(path, 0, path.length, 0, path.length) === 0;
}

function register(directory: OpenDirectory, name: Buffer, start: number, end: number): void {
  const before = directory.names.size;
  directory.names.add(name.toString("latin1", start, end));
  if (directory.names.size > before) return;
  const taken = name.subarray(0, end);
  throw end === name.length
    ? unrepresentable(name, "it occurs twice")
    : unrepresentable(name, `'${taken.toString()}' is no directory, or was left before`);
}

function checkName(name: Buffer): void {
  if (name[0] !== SLASH || name.length < 2) throw unrepresentable(name, "its name is not absolute");
  if (name.length > MAX_NAME_BYTES)
    throw unrepresentable(name.subarray(0, 256), "its name is longer than 64 KiB");
  let start = 1;
  for (let at = 1; at < name.length; at++) {
    const byte = name[at];
    if (byte === 0) throw unrepresentable(name, "its name holds a NUL byte");
    if (byte !== SLASH) continue;
    checkComponent(name, start, at);
    start = at + 1;
  }
  checkComponent(name, start, name.length);
}

function checkComponent(name: Buffer, start: number, end: number): void {
  if (end === start) throw unrepresentable(name, "its name is not normalised");
  if (name[start] !== DOT) return;
  if (end - start === 1 || (end - start === 2 && name[start + 1] === DOT)) {
    throw unrepresentable(name, "its name is not normalised");
  }
  if (name.subarray(start, Math.min(end, start + WHITEOUT.length)).equals(WHITEOUT)) {
    throw unrepresentable(
      name,
      "container runtimes take a name that begins with '.wh.' for a deletion and drop the file",
      "Rename the file in the package that has it, or leave the package out of the closure.",
    );
  }
}

function checkMetadata(entry: LayerEntry): void {
  const { name, mode, uid = 0, gid = 0 } = entry;
  if ((mode & ~PERMISSION_BITS) !== 0 || !isCount(mode))
    throw unrepresentable(name, "its mode is not permission bits");
  if (!isCount(uid) || !isCount(gid)) throw unrepresentable(name, "its owner is not a number");
  if (entry.type === "file" && !isCount(entry.size)) throw unrepresentable(name, "its size is not a number");
  if (entry.type !== "symlink") return;
  if (entry.target.length === 0) throw unrepresentable(name, "its target is empty");
  if (entry.target.includes(0)) throw unrepresentable(name, "its target holds a NUL byte");
  if (entry.target.length > MAX_NAME_BYTES) throw unrepresentable(name, "its target is longer than 64 KiB");
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function unrepresentable(name: Buffer, reason: string, hint?: string): OciError {
  const path = name.toString();
  return new OciError("entry-unrepresentable", `a layer cannot hold '${path}': ${reason}`, { path, hint });
}
