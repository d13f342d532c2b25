import { randomBytes } from "node:crypto";
import { lstat, readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fateOf, MARK, ownMark } from "./process-mark.ts";

/** The part of a file name that keeps a temporary name within 255 bytes. */
const NAME_ROOM = 180;

/** What a process that cannot be seen from here left is kept for this long after it was last written to. */
const UNSEEN_MILLISECONDS = 24 * 60 * 60 * 1000;

const ending = new RegExp(`^(${MARK})\\.[0-9a-f]{16}\\.tmp$`);

/** A hidden name beside `path` that nobody else uses, from which one can see what it was to become, and whose it is. */
export function temporaryName(path: string): string {
  return join(dirname(path), `${beginning(path)}${ownMark()}.${randomBytes(8).toString("hex")}.tmp`);
}

/**
 * Removes what killed processes left under temporary names of `path`: nobody else would, and it may be as large as an
 * image. What a living process has, or one that may live, stays; so does what may not be removed.
 */
export async function removeLeftOvers(path: string): Promise<void> {
  const folder = dirname(path);
  const start = beginning(path);
  for (const name of await readdir(folder).catch(() => [])) {
    const mark = name.startsWith(start) ? ending.exec(name.slice(start.length))?.[1] : undefined;
    if (mark === undefined) continue;
    const fate = fateOf(mark);
    if (fate === "ended" || (fate === "unseen" && (await isOld(join(folder, name)))))
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => {});
  }
}

async function isOld(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined);
  return stats !== undefined && Date.now() - stats.mtimeMs > UNSEEN_MILLISECONDS;
}

function beginning(path: string): string {
  const start = Buffer.from(basename(path)).subarray(0, NAME_ROOM).toString("latin1");
  return `.${start.replaceAll(/[^\w.-]/g, "_")}.`;
}
