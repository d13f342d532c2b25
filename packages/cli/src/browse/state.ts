import { inOrder, matching, type BrowsedClosure, type Sorting } from "./browsed-closure.ts";
import { moveTo, type Cursor } from "./cursor.ts";
import { helpLines } from "./help-lines.ts";
import { openRow, rootRows, type TreeRow } from "./tree-rows.ts";

/** Of the terminal, in characters. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** What lies over the tree. */
export type Overlay =
  | { readonly kind: "help"; readonly cursor: Cursor }
  /** The paths that a text finds, which is being written. */
  | {
      readonly kind: "search";
      readonly text: string;
      readonly found: readonly number[];
      readonly cursor: Cursor;
    }
  | {
      readonly kind: "referrers";
      readonly of: number;
      readonly found: readonly number[];
      readonly cursor: Cursor;
    }
  | {
      readonly kind: "why";
      readonly of: number;
      readonly steps: readonly ChainStep[];
      readonly chains: number;
      /** Whether there are no more chains than these. */
      readonly complete: boolean;
      readonly cursor: Cursor;
    };

/** A row of the chains: each leads from a target down to what was asked for. */
export interface ChainStep {
  /** From the target to this row. */
  readonly chain: readonly number[];
}

/** All that is on the screen follows from this. */
export interface BrowseState {
  readonly closure: BrowsedClosure;
  readonly size: ScreenSize;
  readonly sorting: Sorting;
  readonly rows: readonly TreeRow[];
  readonly cursor: Cursor;
  readonly overlay: Overlay | undefined;
  /** What was searched for last, which `n` and `N` go through; empty before. */
  readonly searched: string;
  /** Where the cursor was before it jumped, the last jump's last. */
  readonly jumpedFrom: readonly (readonly number[])[];
  /** What the last key could not do. */
  readonly message: string | undefined;
  readonly isDone: boolean;
}

export function startState(closure: BrowsedClosure, sorting: Sorting, size: ScreenSize): BrowseState {
  const targets = rootRows(closure, sorting);
  const rows = targets.length === 1 ? openRow(closure, targets, { index: 0, sorting }) : targets;
  return {
    closure,
    size,
    sorting,
    rows,
    cursor: { at: 0, top: 0 },
    overlay: undefined,
    searched: "",
    jumpedFrom: [],
    message: undefined,
    isDone: false,
  };
}

/** How the screen is divided: lines of titles above the rows, and of what is said below them. */
export function layoutOf({ rows }: ScreenSize): {
  readonly above: number;
  readonly height: number;
  readonly below: number;
} {
  const above = rows >= 8 ? 2 : rows >= 5 ? 1 : 0;
  const below = rows >= 12 ? 3 : rows >= 3 ? 1 : 0;
  return { above, height: Math.max(1, rows - above - below), below };
}

/** The same on a screen of another size. */
export function resized(state: BrowseState, size: ScreenSize): BrowseState {
  const { height } = layoutOf(size);
  const fit = (cursor: Cursor, count: number): Cursor => moveTo(cursor, cursor.at, { count, height });
  const { overlay } = state;
  return {
    ...state,
    size,
    cursor: fit(state.cursor, state.rows.length),
    overlay: overlay && { ...overlay, cursor: fit(overlay.cursor, countOf(overlay)) },
  };
}

/** How many rows an overlay has. */
export function countOf(overlay: Overlay): number {
  if (overlay.kind === "help") return helpLines.length;
  return overlay.kind === "why" ? overlay.steps.length : overlay.found.length;
}

/** What a text finds, in the order of the tree. */
export function search({ closure, sorting }: BrowseState, text: string): readonly number[] {
  return inOrder(closure, matching(closure, text), sorting);
}
