import type { LayerFileEntry, LayerFiles } from "@stowage/core";
import { formatCount } from "./count.ts";
import type { View } from "./ls.ts";
import { formatSize } from "./size.ts";
import { renderTable, type Column } from "./table.ts";
import { terminalSafe } from "./terminal-safe.ts";

/** The entries of a layer, one a row, in its order. */
export function renderFiles({ layer, digest, files }: LayerFiles, { limit, style }: View): string {
  const shown = files.slice(0, limit);
  const columns: Column<LayerFileEntry>[] = [
    { title: "mode", align: "left", cell: ({ type, mode }) => letterOf(type) + permissions(mode) },
    { title: "owner", align: "right", cell: ({ uid, gid }) => `${uid}:${gid}` },
    { title: "size", align: "right", cell: ({ type, size }) => (type === "file" ? formatSize(size) : "") },
    { title: "file", align: "left", cell: describeName },
  ];
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const more = shown.length === files.length ? "" : `… and ${files.length - shown.length} more\n`;
  const summary = `layer ${layer}, ${digest}: ${formatCount(files.length, "entr", "ies", "y")}, ${formatSize(size)}`;
  return `${renderTable(columns, shown, style)}${more}${summary}\n`;
}

const letters: Readonly<Record<string, string>> = {
  directory: "d",
  symlink: "l",
  hardlink: "h",
  "character device": "c",
  "block device": "b",
  fifo: "p",
};

function letterOf(type: string): string {
  return letters[type] ?? "-";
}

/** As ls(1) writes them, with what is set for the owner, the group and all on running. */
function permissions(mode: number): string {
  const special = [
    [0o4000, "s", "S"],
    [0o2000, "s", "S"],
    [0o1000, "t", "T"],
  ] as const;
  return special
    .map(([bit, both, alone], index) => {
      const bits = mode >> (6 - 3 * index);
      const runs = (bits & 1) !== 0;
      const run = (mode & bit) !== 0 ? (runs ? both : alone) : runs ? "x" : "-";
      return `${(bits & 4) !== 0 ? "r" : "-"}${(bits & 2) !== 0 ? "w" : "-"}${run}`;
    })
    .join("");
}

function describeName({ type, path, target }: LayerFileEntry): string {
  if (target === undefined) return terminalSafe(path);
  return terminalSafe(
    type === "hardlink" ? `${path} = /${target.replace(/^\/+/, "")}` : `${path} -> ${target}`,
  );
}
