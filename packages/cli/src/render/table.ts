import type { Style } from "./style.ts";

/** One column of a table. Cells are safe for a terminal already. */
export interface Column<Row> {
  readonly title: string;
  readonly align: "left" | "right";
  readonly cell: (row: Row) => string;
}

/** Rows under titles, columns two spaces apart; the last column is not filled up. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: Style,
): string {
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  const widths = columns.map(({ title }, index) =>
    cells.reduce((width, row) => Math.max(width, visibleLength(row[index] as string)), title.length),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) =>
        pad(cell, columns[index]?.align, index === row.length - 1 ? 0 : (widths[index] as number)),
      )
      .join("  ")
      .trimEnd();
  const titles = columns.map(({ title, align }, index) => pad(title, align, widths[index] as number));
  return `${[style.dim(titles.join("  ").trimEnd()), ...cells.map(line)].join("\n")}\n`;
}

function pad(cell: string, align: "left" | "right" | undefined, width: number): string {
  const space = " ".repeat(Math.max(0, width - visibleLength(cell)));
  return align === "right" ? space + cell : cell + space;
}

/** Colours take no room. */
function visibleLength(text: string): number {
  // oxlint-disable-next-line no-control-regex -- colours begin with ESC
  return text.replaceAll(/\u001b\[\d+m/g, "").length;
}
