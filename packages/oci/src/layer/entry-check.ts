import { OciError } from "../errors.ts";
import type { LayerEntry } from "./entry.ts";

const SLASH = 0x2f;
const WHITEOUT = Buffer.from(".wh.");

/**
 * Checks a layer's entries one after another: each name absolute, normalised and no whiteout, none twice. Entries come
 * in runs of ascending order (one run for each store path), so that a name is compared with the one before
 * and with where runs began: memory does not grow with the number of files.
 */
export class EntryCheck {
  readonly #runStarts = new Set<string>();
  #previous: Buffer | undefined;

  /** @throws OciError `entry-unrepresentable` */
  check(entry: LayerEntry): void {
    checkName(entry.name);
    const name = entry.name.toString("latin1");
    const order = this.#previous === undefined ? -1 : compareNames(entry.name, this.#previous);
    if (order === 0 || this.#runStarts.has(name)) throw unrepresentable(entry.name, "it occurs twice");
    if (order < 0) this.#runStarts.add(name);
    this.#previous = entry.name;
    if (entry.type === "symlink" && entry.target.includes(0))
      throw unrepresentable(entry.name, "its target holds a NUL byte");
  }
}

function checkName(name: Buffer): void {
  if (name[0] !== SLASH || name.length < 2) throw unrepresentable(name, "its name is not absolute");
  if (name.includes(0)) throw unrepresentable(name, "its name holds a NUL byte");
  for (let start = 1; start <= name.length;) {
    const slash = name.indexOf(SLASH, start);
    const end = slash === -1 ? name.length : slash;
    checkComponent(name, name.subarray(start, end));
    start = end + 1;
  }
}

function checkComponent(name: Buffer, part: Buffer): void {
  const isDots = (part.length === 1 || part.length === 2) && part.every((byte) => byte === 0x2e);
  if (part.length === 0 || isDots) throw unrepresentable(name, "its name is not normalised");
  if (part.subarray(0, WHITEOUT.length).equals(WHITEOUT)) {
    throw unrepresentable(
      name,
      "container runtimes take a name that begins with '.wh.' for a deletion and drop the file",
      {
        hint: "Rename the file in the package that has it, or leave the package out of the closure.",
      },
    );
  }
}

/** Orders names component by component: a slash sorts before every other byte. */
function compareNames(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const x = a[at] as number;
    const y = b[at] as number;
    if (x !== y) return x === SLASH ? -1 : y === SLASH ? 1 : x - y;
  }
  return a.length - b.length;
}

function unrepresentable(name: Buffer, reason: string, options: { hint?: string } = {}): OciError {
  const path = name.toString();
  return new OciError("entry-unrepresentable", `a layer cannot hold '${path}': ${reason}`, {
    path,
    ...options,
  });
}
