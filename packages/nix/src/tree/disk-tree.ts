import { lstatSync, readdirSync, readlinkSync, type Dirent, type Stats } from "node:fs";
import { NixError } from "../errors.ts";
import { fileChunks } from "./file-chunks.ts";
import { treeError } from "./tree-error.ts";
import type { TreeEntry, DiskLocation } from "./tree.ts";

const SLASH = Buffer.from("/");
const OWNER_MAY_RUN = 0o100;

/** What is still to be visited: the kind is known from the directory's listing, but for the root. */
interface Waiting {
  readonly path: Buffer;
  readonly onDisk: Buffer;
  readonly kind: "directory" | "symlink" | "file";
}

/**
 * Reads a tree from disk in NAR order, synchronously: for the many small files of a store that is several times
 * faster than a promise for each. Symlinks are never followed. A file costs one `lstat`, a directory none.
 * @throws NixError `path-unreadable`, `path-corrupted` (a kind of file that no store has, or one that vanished)
 */
export function* readDiskTree(location: DiskLocation): Generator<TreeEntry> {
  const root = Buffer.from(location.directory);
  const waiting: Waiting[] = [{ path: Buffer.alloc(0), onDisk: root, kind: kindOf(lstat(root), root) }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { path, onDisk, kind } = next;
    if (kind === "file") {
      const { mode, size } = lstat(onDisk);
      yield {
        type: "file",
        path,
        executable: (mode & OWNER_MAY_RUN) !== 0,
        size,
        chunks: () => fileChunks(onDisk, size),
      };
    } else if (kind === "symlink") {
      yield {
        type: "symlink",
        path,
        target: guard(onDisk, () => readlinkSync(onDisk, { encoding: "buffer" })),
      };
    } else {
      yield { type: "directory", path };
      waiting.push(...children(path, onDisk));
    }
  }
}

/** A directory's entries, last name first, as the stack wants them. */
function children(path: Buffer, onDisk: Buffer): Waiting[] {
  const entries = guard(onDisk, () => readdirSync(onDisk, { encoding: "buffer", withFileTypes: true }));
  const below = Buffer.concat([onDisk, SLASH]);
  const prefix = path.length === 0 ? path : Buffer.concat([path, SLASH]);
  return entries
    .toSorted((a, b) => Buffer.compare(b.name, a.name))
    .map((entry) => {
      const child = Buffer.concat([below, entry.name]);
      return { path: Buffer.concat([prefix, entry.name]), onDisk: child, kind: kindOfEntry(entry, child) };
    });
}

function kindOfEntry(entry: Dirent<Buffer>, onDisk: Buffer): Waiting["kind"] {
  // Some file systems do not say the kind in a listing.
  const says = entry.isFile() || entry.isDirectory() || entry.isSymbolicLink();
  return kindOf(says ? entry : lstat(onDisk), onDisk);
}

function kindOf(
  entry: Pick<Dirent, "isFile" | "isDirectory" | "isSymbolicLink">,
  onDisk: Buffer,
): Waiting["kind"] {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "directory";
  if (entry.isSymbolicLink()) return "symlink";
  const path = onDisk.toString();
  throw new NixError("path-corrupted", `'${path}' is neither a file, a directory nor a symlink`, {
    path,
    hint: "No store holds such a thing; check it with nix-store --verify --check-contents.",
  });
}

function lstat(path: Buffer): Stats {
  return guard(path, () => lstatSync(path));
}

function guard<T>(path: Buffer, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw treeError(error, path);
  }
}
