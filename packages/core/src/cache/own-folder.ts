import { lstatSync, realpathSync } from "node:fs";
import { dirname } from "node:path";

const OTHERS_MAY_WRITE = 0o022;
/** Of a folder like `/tmp`: nobody renames or removes what is another's. */
const STICKY = 0o1000;

/** Whether a path is a folder of this user's, and no symlink to one, that nobody else may write to. */
export function isOwnFolder(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined || !stats.isDirectory() || stats.uid !== process.geteuid?.()) return false;
  return (stats.mode & OTHERS_MAY_WRITE) === 0;
}

/** Whether, besides, nobody but this user and the system's can put another folder in the place of one above it. */
export function isOutOfReach(path: string): boolean {
  let folder = realpathSync(path);
  if (!isOwnFolder(folder)) return false;
  while (folder !== dirname(folder)) {
    folder = dirname(folder);
    const { uid, mode } = lstatSync(folder);
    if (uid !== process.geteuid?.() && uid !== 0) return false;
    if ((mode & OTHERS_MAY_WRITE) !== 0 && (mode & STICKY) === 0) return false;
  }
  return true;
}
