import type { RootShare, RootShares } from "@stowage/core";
import type { View } from "./ls.ts";
import { formatSize } from "./size.ts";
import { renderPath, shortName } from "./store-path.ts";
import type { Style } from "./style.ts";
import { terminalSafe } from "./terminal-safe.ts";

/** Roots with what each frees, holds, and is held by; the totals below. */
export function renderRoots({ roots, total, shared }: RootShares, { limit, style }: View): string {
  if (roots.length === 0) return "the store has no garbage collector roots\n";
  const shown = roots.slice(0, limit);
  const rest = roots.length - shown.length;
  const more = rest === 0 ? "" : `… and ${rest} more roots\n`;
  return `${shown.map((root) => renderRoot(root, style)).join("")}${more}${roots.length} roots hold ${formatSize(total)}, of which ${formatSize(shared)} would stay whichever one is removed\n`;
}

function renderRoot(
  { path, links, closureSize, frees, freesPaths, heldBy }: RootShare,
  style: Style,
): string {
  const [holder] = heldBy;
  const others = heldBy.length > 1 ? ` and ${heldBy.length - 1} more` : "";
  const reason = holder === undefined ? "" : `, held by ${shortName(holder)}${others}`;
  const head = `frees ${formatSize(frees)} in ${freesPaths} paths of ${formatSize(closureSize)}${reason}: ${renderPath(path, style)}\n`;
  return head + links.map((link) => `  ${style.dim(terminalSafe(link))}\n`).join("");
}
