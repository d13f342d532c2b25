import { lstatSync, readdirSync } from "node:fs";
import { NixError, type DiskLocation } from "@stowage/nix";
import { Breather } from "../breather.ts";

/** What store paths take up on a disk. */
export interface OnDiskSizes {
  /** For each location the bytes that its blocks take, a file with several hard links within it counted once. */
  readonly sizes: readonly number[];
  /** All together, a file that several locations share by hard links (`nix-store --optimise`) counted once. */
  readonly total: number;
}

/** `st_blocks` counts these, whatever the file system's own blocks are (stat(2)). */
const BLOCK_BYTES = 512;

/**
 * Measures trees on a local disk as du(1) does: allocated blocks of files, directories and symlinks.
 * @throws NixError `path-unreadable`; the signal's reason when aborted
 */
export async function measureOnDisk(
  locations: readonly DiskLocation[],
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<OnDiskSizes> {
  /** For each file with several links the last location that counted it. */
  const linked = new Map<string, number>();
  let total = 0;
  const breather = new Breather(options.signal);
  const sizes: number[] = [];
  for (const [index, { directory }] of locations.entries()) {
    let size = 0;
    for (const { bytes, key } of filesBelow(directory)) {
      await breather.breathe();
      const counted = key === undefined ? undefined : linked.get(key);
      if (key !== undefined) linked.set(key, index);
      if (counted === undefined) total += bytes;
      if (counted !== index) size += bytes;
    }
    sizes.push(size);
  }
  return { sizes, total };
}

interface FileOnDisk {
  readonly bytes: number;
  /** Says which file it is, where it has several names. */
  readonly key: string | undefined;
}

const SLASH = Buffer.from("/");

/** Names are bytes: a name that is not UTF-8 would not be found again as a string. */
function* filesBelow(directory: string): Generator<FileOnDisk> {
  const waiting = [Buffer.from(directory)];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const stats = guard(path, (each) => lstatSync(each));
    const isShared = stats.nlink > 1 && !stats.isDirectory();
    yield { bytes: stats.blocks * BLOCK_BYTES, key: isShared ? `${stats.dev}:${stats.ino}` : undefined };
    if (!stats.isDirectory()) continue;
    for (const name of guard(path, (each) => readdirSync(each, { encoding: "buffer" }))) {
      waiting.push(Buffer.concat([path, SLASH, name]));
    }
  }
}

function guard<T>(path: Buffer, call: (path: Buffer) => T): T {
  try {
    return call(path);
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    const name = path.toString();
    throw new NixError("path-unreadable", `'${name}' cannot be measured: ${reason}`, {
      path: name,
      cause,
      hint: "Is the path still there, and may this user read it?",
    });
  }
}
