import type { ReconciledPath, Reconciliation, SizeParts } from "@stowage/core";
import { formatCount } from "./count.ts";
import type { View } from "./ls.ts";
import { formatSize } from "./size.ts";
import { renderPath } from "./store-path.ts";
import { renderTable, type Column } from "./table.ts";

/** The sizes of each path side by side, and what makes them differ. */
export function renderReconciliation({ paths, totals }: Reconciliation, { limit, style }: View): string {
  const shown = paths.slice(0, limit);
  const size = (title: string, of: (path: SizeParts) => number): Column<ReconciledPath> => ({
    title,
    align: "right",
    cell: (path) => formatSize(of(path)),
  });
  const { compression } = totals;
  const columns: Column<ReconciledPath>[] = [
    size("NAR", ({ narSize }) => narSize),
    {
      title: "disk",
      align: "right",
      cell: ({ onDiskSize }) => (onDiskSize === undefined ? "-" : formatSize(onDiskSize)),
    },
    size("tar", ({ tarSize }) => tarSize),
    ...(compression === undefined ? [] : [size(compression, ({ compressedSize = 0 }) => compressedSize)]),
    size("contents", ({ contentSize }) => contentSize),
    { title: "entries", align: "right", cell: ({ entries }) => String(entries) },
    { title: "path", align: "left", cell: ({ path }) => renderPath(path, style) },
  ];
  const rest = paths.length - shown.length;
  const more = rest === 0 ? "" : `… and ${rest} more\n`;
  return `${renderTable(columns, shown, style)}${more}${explain(totals)}`;
}

/** Each form of the whole: what it has besides the files' contents, or fewer. */
function explain(totals: Reconciliation["totals"]): string {
  const { contentSize, narSize, tarSize, headerSize, paddingSize, onDiskSize, compressedSize, entries } =
    totals;
  const rows: [string, number | undefined, string][] = [
    ["contents", contentSize, "of all files: what all forms have in common"],
    [
      "NAR",
      narSize,
      `+ ${formatSize(narSize - contentSize)}: names, targets and framing of ${formatCount(entries, "entr", "ies", "y")}`,
    ],
    [
      "disk",
      onDiskSize,
      onDiskSize === undefined
        ? "what lies in a binary cache is on no disk here"
        : explainDisk(onDiskSize - contentSize),
    ],
    [
      "tar",
      tarSize,
      `+ ${formatSize(headerSize)} of headers, 512 bytes and more for an entry, + ${formatSize(paddingSize)} that fill contents up to 512; each layer adds up to ${formatSize(totals.layerOverhead)}`,
    ],
  ];
  if (compressedSize !== undefined && tarSize > 0) {
    const share = `${Math.round((100 * compressedSize) / tarSize)} % of the tar`;
    rows.push([
      totals.compression ?? "",
      compressedSize,
      `${share}, each path in a layer for itself; together they are mostly smaller`,
    ]);
  }
  return rows
    .map(
      ([name, bytes, why]) =>
        `${name.padEnd(8)}  ${(bytes === undefined ? "-" : formatSize(bytes)).padStart(10)}  ${why}\n`,
    )
    .join("");
}

function explainDisk(difference: number): string {
  if (difference >= 0) return `+ ${formatSize(difference)}: files and directories take whole blocks`;
  return `- ${formatSize(-difference)}: files shared by hard links, holes, or a file system that compresses`;
}
