import type { CacheContents } from "@stowage/core";
import { formatSize } from "./size.ts";
import { terminalSafe } from "./terminal-safe.ts";

/** What the digest cache holds, or held before it was cleared. */
export function renderCache({ folder, entries, bytes }: CacheContents, cleared: boolean): string {
  const what = `${entries} ${entries === 1 ? "layer" : "layers"}, ${formatSize(bytes)}`;
  return `${cleared ? "forgot" : "remembers"} ${what}, in ${terminalSafe(folder)}\n`;
}
