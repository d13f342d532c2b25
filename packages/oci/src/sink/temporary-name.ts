import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";

/** The part of a file name that keeps a temporary name within 255 bytes. */
const NAME_ROOM = 200;

/** A hidden name beside `path` that nobody else uses, from which one can see what it was to become. */
export function temporaryName(path: string): string {
  const start = Buffer.from(basename(path)).subarray(0, NAME_ROOM).toString("latin1");
  const readable = start.replaceAll(/[^\w.-]/g, "_");
  return join(dirname(path), `.${readable}.${randomBytes(8).toString("hex")}.tmp`);
}
