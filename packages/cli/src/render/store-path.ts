import type { Style } from "./style.ts";
import { terminalSafe } from "./terminal-safe.ts";

const HASH_DIGITS = 32;

/** A store path with its name standing out. */
export function renderPath(path: string, style: Style): string {
  const at = path.lastIndexOf("/") + HASH_DIGITS + 2;
  return style.dim(terminalSafe(path.slice(0, at))) + style.bold(terminalSafe(path.slice(at)));
}

/** What follows the hash of a store path. */
export function shortName(path: string): string {
  return terminalSafe(path.slice(path.lastIndexOf("/") + HASH_DIGITS + 2));
}
