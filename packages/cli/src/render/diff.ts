import type { ClosureDiff, Copy, PackageChange } from "@stowage/core";
import { formatCount } from "./count.ts";
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
  const more = rest === 0 ? "" : `… and ${formatCount(rest, "more package")}\n`;
  const { before, after, delta, unchangedPaths, packages: counts } = totals;
  const changes = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`);
  const summary = `${before.paths} → ${formatCount(after.paths, "path")} (${unchangedPaths} unchanged), ${formatSize(before.narSize)} → ${formatSize(after.narSize)} (${formatDelta(delta)})`;
  return `${table}${more}${[summary, ...changes].join(", ")}\n`;
}

export function formatDelta(bytes: number): string {
  return bytes > 0 ? `+${formatSize(bytes)}` : formatSize(bytes);
}

function renderVersions(change: PackageChange): string {
  const { kind, versionsBefore, versionsAfter } = change;
  const list = (versions: readonly string[]): string =>
    terminalSafe(versions.map((version) => (version === "" ? "(none)" : version)).join(", "));
  if (kind === "rebuilt" || kind === "removed") return list(versionsBefore);
  if (kind === "added") return list(versionsAfter);
  if (versionsBefore.join() === versionsAfter.join())
    return `${list(versionsBefore)} (${renderOutputs(change)})`;
  return `${list(versionsBefore)} → ${list(versionsAfter)}`;
}

/** What came and went where the versions stayed: `+dev, -doc`. */
function renderOutputs({ changes }: PackageChange): string {
  const of = (sign: string, copy: Copy | undefined, other: Copy | undefined): string[] =>
    copy === undefined || other !== undefined ? [] : [`${sign}${terminalSafe(copy.output)}`];
  return changes
    .flatMap(({ before, after }) => [...of("+", after, before), ...of("-", before, after)])
    .join(", ");
}
