import type { Duplicate, DuplicateCopy } from "@stowage/core";
import type { View } from "./ls.ts";
import { formatCount } from "./count.ts";
import { formatSize } from "./size.ts";
import { renderPath, shortName } from "./store-path.ts";
import type { Style } from "./style.ts";
import { terminalSafe } from "./terminal-safe.ts";

/** Packages with their copies, what saves most first. */
export function renderDuplicates(duplicates: readonly Duplicate[], { limit, style }: View): string {
  if (duplicates.length === 0) return "no package is in the closure more than once\n";
  const shown = duplicates.slice(0, limit);
  const wasted = duplicates.reduce((sum, duplicate) => sum + duplicate.wasted, 0);
  const rest = duplicates.length - shown.length;
  const more = rest === 0 ? "" : `… and ${formatCount(rest, "more package")}\n`;
  const groups = shown.map((duplicate) => `${renderGroup(duplicate, style)}\n`).join("");
  return `${groups}${more}${formatCount(duplicates.length, "package")} more than once, ${formatSize(wasted)} in copies that could go\n`;
}

function renderGroup({ name, output, copies, wasted, saves }: Duplicate, style: Style): string {
  const title = output === "out" ? name : `${name} (${output})`;
  const head = `${style.bold(terminalSafe(title))}  ${copies.length} copies, ${formatSize(wasted)} wasted, one alone saves ${formatSize(saves)}\n`;
  return head + copies.map((copy) => renderCopy(copy, style)).join("");
}

function renderCopy({ path, narSize, keep, chain, branches }: DuplicateCopy, style: Style): string {
  const way = chain.slice(0, -1).map(shortName).join(" → ");
  const others =
    branches.length > 1 ? ` (and ${formatCount(branches.length - 1, "other branch", "es")})` : "";
  const through = way === "" ? "" : `         ${style.dim(`through ${way}${others}`)}\n`;
  return `  ${keep ? "keep  " : "      "} ${renderPath(path, style)}  ${formatSize(narSize)}\n${through}`;
}
