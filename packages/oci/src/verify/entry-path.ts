const SLASH = 0x2f;
const DOT = 0x2e;
/** Linux's own limit for one name (limits.h, NAME_MAX). */
const MAX_COMPONENT = 255;

/**
 * An entry's name as a path from the image's root: no slash in front or behind; empty for the root itself. Builders
 * write `a/b`, `./a/b` and `/a/b` alike.
 */
export function entryPath(name: Buffer): Buffer {
  let start = 0;
  if (name[0] === SLASH) start = 1;
  else while (name[start] === DOT && name[start + 1] === SLASH) start += 2;
  const end = name.length > start && name.at(-1) === SLASH ? name.length - 1 : name.length;
  const path = name.subarray(start, Math.max(start, end));
  return path.length === 1 && path[0] === DOT ? path.subarray(0, 0) : path;
}

/** What makes a path unfit for an entry; undefined where nothing does. */
export function pathFault(path: Buffer): string | undefined {
  if (path.length === 0) return undefined;
  for (let start = 0; start <= path.length;) {
    const slash = path.indexOf(SLASH, start);
    const end = slash === -1 ? path.length : slash;
    const length = end - start;
    if (length === 0) return "its name is not normalised";
    if (length > MAX_COMPONENT) return "a part of its name is longer than 255 bytes";
    if (path[start] === DOT && length === 1) return "its name is not normalised";
    if (path[start] === DOT && path[start + 1] === DOT && length === 2)
      return "its name leads out of the root";
    start = end + 1;
  }
  return undefined;
}

/** Whether a link's target, relative to the directory it lies in, climbs above the root. */
export function climbsOut(directory: string, target: string): boolean {
  let depth = target.startsWith("/") || directory === "" ? 0 : directory.split("/").length;
  for (const part of target.split("/")) {
    if (part === "" || part === ".") continue;
    depth += part === ".." ? -1 : 1;
    if (depth < 0) return true;
  }
  return false;
}

/** A path for people. */
export function shownPath(path: Buffer | string): string {
  return `/${typeof path === "string" ? Buffer.from(path, "latin1").toString() : path.toString()}`;
}
