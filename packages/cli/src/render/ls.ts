import type { Analysis, AnalyzedPath, Cut, TreeRow } from "@stowage/core";
import { formatCount } from "./count.ts";
import { formatSize } from "./size.ts";
import { renderPath, shortName } from "./store-path.ts";
import type { Style } from "./style.ts";
import { renderTable, type Column } from "./table.ts";

/** How much is shown, and how. */
export interface View {
  /** Rows; undefined for all. */
  readonly limit: number | undefined;
  readonly style: Style;
}

/** The closure as a table, with what is left out and the totals below. */
export function renderPaths({ paths, totals }: Analysis, { limit, style }: View): string {
  const shown = paths.slice(0, limit);
  const size = (title: string, of: (path: AnalyzedPath) => number): Column<AnalyzedPath> => ({
    title,
    align: "right",
    cell: (path) => formatSize(of(path)),
  });
  const columns: Column<AnalyzedPath>[] = [
    size("added", (path) => path.addedSize),
    size("NAR", (path) => path.narSize),
    size("closure", (path) => path.closureSize),
    ...(totals.onDiskSize === undefined ? [] : [size("disk", (path) => path.onDiskSize ?? 0)]),
    { title: "referrers", align: "right", cell: ({ referrers }) => String(referrers.length) },
    { title: "path", align: "left", cell: ({ path }) => renderPath(path, style) },
  ];
  const rest = paths.slice(shown.length);
  const restSize = rest.reduce((sum, { narSize }) => sum + narSize, 0);
  const more = rest.length === 0 ? "" : `… and ${rest.length} more, ${formatSize(restSize)}\n`;
  const disk = totals.onDiskSize === undefined ? "" : `, ${formatSize(totals.onDiskSize)} on disk`;
  const some = paths.length === totals.paths ? "" : `${paths.length} of `;
  return `${renderTable(columns, shown, style)}${more}${some}${formatCount(totals.paths, "path")}, ${formatSize(totals.narSize)}${disk}\n`;
}

/** What removing each reference would save. */
export function renderCuts(cuts: readonly Cut[], { limit, style }: View): string {
  if (cuts.length === 0)
    return "no single reference near the targets would save anything: everything is needed twice\n";
  const shown = cuts.slice(0, limit);
  const columns: Column<Cut>[] = [
    { title: "saves", align: "right", cell: ({ saves }) => formatSize(saves) },
    { title: "paths", align: "right", cell: ({ paths }) => String(paths) },
    {
      title: "reference",
      align: "left",
      cell: ({ from, to }) => `${shortName(from)} → ${style.bold(shortName(to))}`,
    },
  ];
  const more = cuts.length === shown.length ? "" : `… and ${cuts.length - shown.length} more\n`;
  return renderTable(columns, shown, style) + more;
}

/** The closure as a tree; what stood above already ends with `(above)`. */
export function renderTree(rows: Iterable<TreeRow>, analysis: Analysis, { limit, style }: View): string {
  const closureSizes = new Map(analysis.paths.map(({ path, closureSize }) => [path, closureSize]));
  let text = "";
  let count = 0;
  let left = 0;
  for (const { path, lastOf, repeated, hidden } of rows) {
    if (limit !== undefined && ++count > limit) {
      left++;
      continue;
    }
    const size = formatSize(closureSizes.get(path) as number);
    const mark = repeated ? " (above)" : hidden > 0 ? ` (${hidden} more below)` : "";
    text += `${branch(lastOf)}${renderPath(path, style)}  ${size}${style.dim(mark)}\n`;
  }
  return left === 0 ? text : `${text}… and ${left} more ${left === 1 ? "row" : "rows"}\n`;
}

/** The lines that lead to a row; a root has none. */
function branch(lastOf: readonly boolean[]): string {
  const steps = lastOf.slice(1);
  return steps
    .map((isLast, index) => (index === steps.length - 1 ? (isLast ? "└─ " : "├─ ") : isLast ? "   " : "│  "))
    .join("");
}
