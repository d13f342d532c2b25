import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { readSome } from "@stowage/nix/internal";
import { CoreError } from "../../errors.ts";
import { parseOwnPlace } from "./place.ts";
import type { RootNode, RootTree } from "./root-tree.ts";

/** A directory of one's own (`--dir PATH[:MODE[:USER]]`). */
export interface OwnDirectory {
  readonly path: string;
  /** Permission bits, default 0o755. */
  readonly mode?: number | undefined;
  /** A number, `UID:GID`, root, nobody, or the image's own user; default root. */
  readonly owner?: string | undefined;
}

/** A file of one's own (`--add FILE:PATH[:MODE]`). */
export interface OwnFile {
  /** The file on this machine. */
  readonly source: string;
  /** Where it goes in the image. */
  readonly path: string;
  /** Permission bits; default 0o755 for an executable source, else 0o644, whatever else the source's mode says. */
  readonly mode?: number | undefined;
}

/**
 * Puts the user's own directories and files.
 * @param ownerIds the numbers behind an owner's name
 * @throws CoreError `option-invalid` for a place in the store, a bad mode, a source that is missing, unreadable or no regular file
 * @throws CoreError `place-clash`
 */
export function putOwn(
  tree: RootTree,
  own: { readonly directories: readonly OwnDirectory[]; readonly files: readonly OwnFile[] },
  context: {
    readonly storeDir: string;
    readonly ownerIds: (owner: string) => { readonly uid: number; readonly gid: number };
  },
): void {
  for (const { path, mode, owner } of own.directories) {
    const place = parseOwnPlace(path, "--dir", context.storeDir);
    const ids = owner === undefined ? {} : context.ownerIds(owner);
    tree.put(place, {
      type: "directory",
      mode: checkMode(mode ?? 0o755, "--dir"),
      ...ids,
      origin: `--dir ${path}`,
    });
  }
  for (const file of own.files) {
    const place = parseOwnPlace(file.path, "--add", context.storeDir);
    tree.put(place, ownFile(file), { replaces: true });
  }
}

function ownFile({ source, path, mode }: OwnFile): RootNode {
  const { size, executable } = inspectSource(source);
  const permissions = mode === undefined ? (executable ? 0o755 : 0o644) : checkMode(mode, "--add");
  const chunks = (): Iterable<Uint8Array> => readSource(source, size);
  return { type: "file", mode: permissions, size, chunks, origin: `--add ${source}:${path}` };
}

function inspectSource(source: string): { readonly size: number; readonly executable: boolean } {
  // A FIFO must not block before it is refused.
  const fd = reading(source, () => openSync(source, constants.O_RDONLY | constants.O_NONBLOCK));
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) {
      throw new CoreError("option-invalid", `--add: '${source}' is not a regular file`, {
        path: source,
        hint: "Add files one by one; for a whole directory make it a Nix build and pack that as a further target.",
      });
    }
    return { size: stats.size, executable: (stats.mode & 0o100) !== 0 };
  } finally {
    closeSync(fd);
  }
}

const CHUNK_BYTES = 1 << 18;

function* readSource(source: string, size: number): Generator<Uint8Array> {
  const fd = reading(source, () => openSync(source, "r"));
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    let left = size;
    for (;;) {
      const read = reading(source, () => readSome(fd, buffer, Math.min(CHUNK_BYTES, left + 1), null));
      left -= read;
      if (left < 0 || (read === 0 && left > 0)) {
        throw new CoreError("option-invalid", `--add: '${source}' changed while it was read`, {
          path: source,
        });
      }
      if (read === 0) return;
      yield buffer.subarray(0, read);
    }
  } finally {
    closeSync(fd);
  }
}

function checkMode(mode: number, option: string): number {
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777) {
    throw new CoreError("option-invalid", `${option}: ${mode} is not a file mode`, {
      hint: "Give permission bits in octal, 0000 to 7777.",
    });
  }
  return mode;
}

function reading<T>(source: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw unreadable(source, cause);
  }
}

function unreadable(source: string, cause: unknown): CoreError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const isMistake = ["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG", "ENXIO"].includes(code);
  const denied = code === "EACCES" || code === "EPERM";
  const why = denied ? "permission denied" : code === "ENOENT" ? "it does not exist" : code;
  return new CoreError(
    isMistake ? "option-invalid" : "file-unreadable",
    `--add: cannot read '${source}': ${why}`,
    {
      path: source,
      cause,
    },
  );
}
