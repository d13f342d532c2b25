import { clip, fill } from "../render/display-width.ts";
import { formatSize } from "../render/size.ts";
import type { Style } from "../render/style.ts";
import type { BrowsedClosure } from "./browsed-closure.ts";
import type { Place } from "./tree-rows.ts";

/** What a row shows. */
export interface RowText {
  readonly position: number;
  /** Where it stands in the tree, which its lines lead to. */
  readonly place?: Place;
  /** Steps that it is set in, where it stands in no tree. */
  readonly indent?: number;
  /** Whether there is more below it. */
  readonly mark: string;
}

const SIZE_WIDTH = 10;
const CURSOR_WIDTH = 2;
const STEP_WIDTH = 3;
/** Columns that a name has at least before a column of sizes is shown. */
const NAME_WIDTH = 24;

type SizeColumn = "addedSize" | "narSize" | "closureSize";

const titles: Readonly<Record<SizeColumn, string>> = {
  addedSize: "added",
  narSize: "NAR",
  closureSize: "closure",
};

/** The sizes there is room for. */
function sizeColumns(columns: number): readonly SizeColumn[] {
  const all = ["addedSize", "narSize", "closureSize"] as const;
  const wanted =
    columns >= CURSOR_WIDTH + NAME_WIDTH + 3 * (SIZE_WIDTH + 1)
      ? all
      : (["addedSize", "closureSize"] as const);
  return wanted.slice(0, Math.max(0, Math.floor((columns - CURSOR_WIDTH - NAME_WIDTH) / (SIZE_WIDTH + 1))));
}

export function renderTitles(columns: number): string {
  const heads = sizeColumns(columns).map((column) => `${fill(titles[column], SIZE_WIDTH, "right")} `);
  return clip(`${" ".repeat(CURSOR_WIDTH)}${heads.join("")} path`, columns);
}

/** A path with its sizes; the chosen one is marked in a way that needs no colour. */
export function renderRow(
  { names, sizes }: BrowsedClosure,
  { position, place, indent = 0, mark }: RowText,
  {
    columns,
    isChosen,
    style,
  }: { readonly columns: number; readonly isChosen: boolean; readonly style: Style },
): string {
  const shown = sizeColumns(columns);
  const numbers = shown.map(
    (column) => `${fill(formatSize(sizes[column][position] as number), SIZE_WIDTH, "right")} `,
  );
  const room = columns - CURSOR_WIDTH - shown.length * (SIZE_WIDTH + 1);
  const lead = place === undefined ? indentation(indent) : branch(place);
  const text = numbers.join("") + clipLead(lead, room) + mark;
  const whole = `${isChosen ? "> " : "  "}${text} ${names[position]}`;
  return isChosen ? style.inverse(fill(whole, columns)) : clip(whole, columns);
}

function indentation(steps: number): string {
  return steps === 0 ? "" : `${" ".repeat(STEP_WIDTH * (steps - 1))}└─`;
}

/** The lines that lead to a place; a target has none. */
function branch({ parent, isLast }: Place): string {
  if (parent === undefined) return "";
  let lines = isLast ? "└─" : "├─";
  for (let each = parent; each.parent !== undefined; each = each.parent)
    lines = `${each.isLast ? "   " : "│  "}${lines}`;
  return lines;
}

/** Of lines that are longer than half of the room the end; how much is left out is said. */
function clipLead(lead: string, room: number): string {
  const allowed = Math.max(STEP_WIDTH, Math.floor(room / 2));
  if (lead.length <= allowed) return lead;
  const steps = Math.ceil((lead.length - allowed) / STEP_WIDTH) + 1;
  return `${fill(`+${steps}`, STEP_WIDTH)}${lead.slice(steps * STEP_WIDTH)}`;
}
