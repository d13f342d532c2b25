import type { CacheContents } from "@stowage/core";
import { formatSize } from "./size.ts";
import { terminalSafe } from "./terminal-safe.ts";

/** What the digest cache holds, or held before it was cleared. */
export function renderCache({ folder, entries, bytes }: CacheContents, cleared: boolean): string {
  const what = `${entries} ${entries === 1 ? "layer" : "layers"}, ${formatSize(bytes)}`;
  const where =
    folder === "" ? "this user has no home, and XDG_CACHE_HOME is not set" : `in ${terminalSafe(folder)}`;
  return `${cleared ? "forgot" : "remembers"} ${what}, ${where}\n`;
}
