import { formatCount } from "../render/count.ts";
import { clip, fill, graphemes } from "../render/display-width.ts";
import { formatSize } from "../render/size.ts";
import type { Style } from "../render/style.ts";
import { terminalSafe } from "../render/terminal-safe.ts";
import type { BrowsedClosure } from "./browsed-closure.ts";
import type { Cursor } from "./cursor.ts";
import { renderRow, renderTitles, type RowText } from "./render-row.ts";
import { helpLines } from "./help-lines.ts";
import { layoutOf, type BrowseState, type Overlay, type ScreenSize } from "./state.ts";
import { hasReferences, type TreeRow } from "./tree-rows.ts";

/** The screen's lines, from the top, none wider than it; each is safe for a terminal. */
export function renderScreen(state: BrowseState, style: Style): string[] {
  const { size, overlay } = state;
  const { above, below } = layoutOf(size);
  const heads = [renderHead(state, style), renderColumns(state, style)].slice(0, above);
  const body = overlay === undefined ? renderTree(state, style) : renderOverlay(state, overlay, style);
  const feet = renderFeet(state, style).slice(3 - below);
  return [...heads, ...body, ...feet].slice(0, size.rows);
}

const sortingNames = {
  added: "added size",
  closure: "closure size",
  size: "NAR size",
  name: "name",
} as const;

function renderHead({ closure, sorting, overlay, size }: BrowseState, style: Style): string {
  const { graph, sizes } = closure;
  const targets = graph.roots.map((root) => closure.names[root]).join(", ");
  const whole = `${targets}: ${formatCount(graph.infos.length, "path")}, ${formatSize(sizes.total)}, by ${sortingNames[sorting]}`;
  return style.bold(clip(overlay === undefined ? whole : overlayTitle(closure, overlay), size.columns));
}

function overlayTitle({ names }: BrowsedClosure, overlay: Overlay): string {
  switch (overlay.kind) {
    case "help":
      return "Keys";
    case "search":
      return overlay.text === ""
        ? "Search: a part of a name"
        : `${formatCount(overlay.found.length, "path")} with ${terminalSafe(overlay.text)}`;
    case "referrers":
      return `${formatCount(overlay.found.length, "path")} ${overlay.found.length === 1 ? "refers" : "refer"} to ${names[overlay.of]}`;
    case "why": {
      const more = overlay.complete ? "" : "the first ";
      return `${more}${formatCount(overlay.chains, "chain")} to ${names[overlay.of]}, the shortest first`;
    }
  }
}

function renderColumns({ size, overlay }: BrowseState, style: Style): string {
  return overlay?.kind === "help" ? "" : style.dim(renderTitles(size.columns));
}

function renderTree(state: BrowseState, style: Style): string[] {
  const { rows, cursor, closure } = state;
  const text = ({ place, isOpen }: TreeRow): RowText => ({
    position: place.position,
    place,
    mark: isOpen ? "▾" : hasReferences(closure, { place, isOpen }) ? "▸" : " ",
  });
  return renderRows(state, { cursor, rows, text }, style);
}

function renderOverlay(state: BrowseState, overlay: Overlay, style: Style): string[] {
  const { cursor } = overlay;
  switch (overlay.kind) {
    case "help":
      return renderHelp(state.size, cursor, style);
    case "why":
      return renderRows(
        state,
        {
          cursor,
          rows: overlay.steps,
          text: ({ chain }) => ({ position: chain.at(-1) as number, indent: chain.length - 1, mark: "" }),
        },
        style,
      );
    default:
      return renderRows(
        state,
        { cursor, rows: overlay.found, text: (position) => ({ position, mark: "" }) },
        style,
      );
  }
}

interface RowList<Row> {
  readonly cursor: Cursor;
  readonly rows: readonly Row[];
  readonly text: (row: Row) => RowText;
}

/** The rows in sight, and empty lines for those that there are not. */
function renderRows<Row>(
  { closure, size }: BrowseState,
  { cursor, rows, text }: RowList<Row>,
  style: Style,
): string[] {
  const { height } = layoutOf(size);
  return Array.from({ length: height }, (_, line) => {
    const at = cursor.top + line;
    const row = rows[at];
    if (row === undefined) return "";
    const options = { columns: size.columns, isChosen: at === cursor.at, style };
    return renderRow(closure, text(row), options);
  });
}

function renderHelp(size: ScreenSize, { top }: Cursor, style: Style): string[] {
  const { height } = layoutOf(size);
  const width = Math.max(...helpLines.map(([keys]) => keys.length)) + 2;
  return Array.from({ length: height }, (_, line) => {
    const [keys, meaning] = helpLines[top + line] ?? ["", ""];
    const named = fill(keys, Math.min(width, size.columns));
    return style.bold(named) + clip(meaning, size.columns - width);
  });
}

/** What is said of the chosen path, in two lines, and of what keys do, in one. */
function renderFeet(state: BrowseState, style: Style): [string, string, string] {
  const { closure, size, overlay } = state;
  const position = chosenPosition(state);
  const last = style.dim(clip(keyLine(state), size.columns));
  const said =
    state.message === undefined ? last : style.bold(clip(terminalSafe(state.message), size.columns));
  const prompt = overlay?.kind === "search" ? renderPrompt(overlay.text, size.columns) : said;
  if (position === undefined) return ["", "", prompt];
  const { graph, sizes } = closure;
  const counts = [
    formatSize(sizes.narSize[position] as number),
    `${formatSize(sizes.addedSize[position] as number)} added`,
    `${formatSize(sizes.closureSize[position] as number)} with all it needs`,
    formatCount((graph.references[position] as readonly number[]).length, "reference"),
    formatCount((graph.referrers[position] as readonly number[]).length, "referrer"),
  ];
  const path = terminalSafe(graph.infos[position]?.path ?? "");
  return [clip(path, size.columns), clip(counts.join(", "), size.columns), prompt];
}

/** The end of what is written is what one has to see. */
function renderPrompt(text: string, columns: number): string {
  const shown = graphemes(terminalSafe(text));
  while (shown.length > 0 && clip(`/${shown.join("")}_`, columns) !== `/${shown.join("")}_`) shown.shift();
  return clip(`/${shown.join("")}_`, columns);
}

function chosenPosition({ overlay, rows, cursor }: BrowseState): number | undefined {
  if (overlay === undefined) return rows[cursor.at]?.place.position;
  if (overlay.kind === "help") return undefined;
  if (overlay.kind === "why") return overlay.steps[overlay.cursor.at]?.chain.at(-1);
  return overlay.found[overlay.cursor.at];
}

function keyLine({ overlay }: BrowseState): string {
  if (overlay === undefined) return "? help  → open  ← close  / search  w why  r referrers  s sort  q quit";
  return overlay.kind === "help" ? "Esc back" : "↑ ↓ choose  Enter go there  Esc back";
}
