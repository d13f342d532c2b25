import type { ClosureDiff, PackageChange } from "@stowage/core";
import type { View } from "./ls.ts";
import { formatSize } from "./size.ts";
import { renderTable, type Column } from "./table.ts";
import { terminalSafe } from "./terminal-safe.ts";

/** What changed, largest change of size first, and the totals. */
export function renderDiff({ packages, totals }: ClosureDiff, { limit, style }: View): string {
  const shown = packages.slice(0, limit);
  const columns: Column<PackageChange>[] = [
    { title: "delta", align: "right", cell: ({ delta }) => formatDelta(delta) },
    { title: "", align: "left", cell: ({ kind }) => kind },
    { title: "package", align: "left", cell: ({ name }) => style.bold(terminalSafe(name)) },
    { title: "versions", align: "left", cell: renderVersions },
  ];
  const table = packages.length === 0 ? "" : renderTable(columns, shown, style);
  const rest = packages.length - shown.length;
  const more = rest === 0 ? "" : `… and ${rest} more packages\n`;
  const { before, after, delta, unchangedPaths, packages: counts } = totals;
  const changes = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`);
  const summary = `${before.paths} → ${after.paths} paths (${unchangedPaths} unchanged), ${formatSize(before.narSize)} → ${formatSize(after.narSize)} (${formatDelta(delta)})`;
  return `${table}${more}${[summary, ...changes].join(", ")}\n`;
}

export function formatDelta(bytes: number): string {
  return bytes > 0 ? `+${formatSize(bytes)}` : formatSize(bytes);
}

function renderVersions({ kind, versionsBefore, versionsAfter }: PackageChange): string {
  const list = (versions: readonly string[]): string =>
    terminalSafe(versions.map((version) => (version === "" ? "(none)" : version)).join(", "));
  if (kind === "rebuilt" || kind === "removed") return list(versionsBefore);
  if (kind === "added") return list(versionsAfter);
  return `${list(versionsBefore)} → ${list(versionsAfter)}`;
}
