import { inOrder, type BrowsedClosure, type Sorting } from "./browsed-closure.ts";

/** Where a path stands in the tree: it may stand below each path that refers to it. */
export interface Place {
  readonly position: number;
  readonly parent: Place | undefined;
  /** Whether it is the last of its siblings, which decides the lines that lead to it. */
  readonly isLast: boolean;
}

/** A line of the tree; what is open is followed by its references. */
export interface TreeRow {
  readonly place: Place;
  readonly isOpen: boolean;
}

export function depthOf({ parent }: Place): number {
  let depth = 0;
  for (let above = parent; above !== undefined; above = above.parent) depth++;
  return depth;
}

/** The positions from a target down to a place. */
export function chainOf(place: Place): readonly number[] {
  const chain: number[] = [];
  for (let each: Place | undefined = place; each !== undefined; each = each.parent) chain.push(each.position);
  return chain.toReversed();
}

/** The targets, closed. */
export function rootRows(closure: BrowsedClosure, sorting: Sorting): readonly TreeRow[] {
  return closedRows(inOrder(closure, closure.graph.roots, sorting), undefined);
}

function closedRows(positions: readonly number[], parent: Place | undefined): readonly TreeRow[] {
  return positions.map((position, index) => ({
    place: { position, parent, isLast: index === positions.length - 1 },
    isOpen: false,
  }));
}

export function hasReferences({ graph }: BrowsedClosure, { place }: TreeRow): boolean {
  return (graph.references[place.position] as readonly number[]).length > 0;
}

function referenceRows(closure: BrowsedClosure, place: Place, sorting: Sorting): readonly TreeRow[] {
  const references = closure.graph.references[place.position] as readonly number[];
  return closedRows(inOrder(closure, references, sorting), place);
}

/** The rows with what one refers to below it. */
export function openRow(
  closure: BrowsedClosure,
  rows: readonly TreeRow[],
  { index, sorting }: { readonly index: number; readonly sorting: Sorting },
): readonly TreeRow[] {
  const row = rows[index] as TreeRow;
  if (row.isOpen || !hasReferences(closure, row)) return rows;
  return replaceRows(rows, index, [{ ...row, isOpen: true }, ...referenceRows(closure, row.place, sorting)]);
}

/** The rows with all that one needs below it; each path is opened once, where it first stands. */
export function openAll(
  closure: BrowsedClosure,
  rows: readonly TreeRow[],
  { index, sorting }: { readonly index: number; readonly sorting: Sorting },
): readonly TreeRow[] {
  const opened = new Set<number>();
  const below: TreeRow[] = [];
  const waiting = [rows[index] as TreeRow];
  for (let row = waiting.pop(); row !== undefined; row = waiting.pop()) {
    const { position } = row.place;
    const isOpen = !opened.has(position) && hasReferences(closure, row);
    below.push({ place: row.place, isOpen });
    if (!isOpen) continue;
    opened.add(position);
    waiting.push(...referenceRows(closure, row.place, sorting).toReversed());
  }
  return replaceRows(closeRow(rows, index), index, below);
}

/** The rows without what stands below one. */
export function closeRow(rows: readonly TreeRow[], index: number): readonly TreeRow[] {
  const row = rows[index] as TreeRow;
  if (!row.isOpen) return rows;
  return [...rows.slice(0, index), { ...row, isOpen: false }, ...rows.slice(endOf(rows, index))];
}

/** Where what stands below a row ends. */
function endOf(rows: readonly TreeRow[], index: number): number {
  const depth = depthOf((rows[index] as TreeRow).place);
  const end = rows.findIndex(({ place }, each) => each > index && depthOf(place) <= depth);
  return end === -1 ? rows.length : end;
}

function replaceRows(
  rows: readonly TreeRow[],
  index: number,
  instead: readonly TreeRow[],
): readonly TreeRow[] {
  return rows.slice(0, index).concat(instead, rows.slice(index + 1));
}

/** Where the row above stands that a row is below of; the row itself where it is a target. */
export function parentIndex(rows: readonly TreeRow[], index: number): number {
  const { parent } = (rows[index] as TreeRow).place;
  return parent === undefined
    ? index
    : rows.findLastIndex(({ place }, each) => each < index && place === parent);
}

/** The rows with everything open that leads to the end of a chain, and where that stands. */
export function reveal(
  closure: BrowsedClosure,
  rows: readonly TreeRow[],
  { chain, sorting }: { readonly chain: readonly number[]; readonly sorting: Sorting },
): { readonly rows: readonly TreeRow[]; readonly index: number } {
  let all = rows;
  let above: Place | undefined;
  let index = -1;
  for (const [step, position] of chain.entries()) {
    if (step > 0) all = openRow(closure, all, { index, sorting });
    const parent = above;
    index = all.findIndex(
      ({ place }, each) => each > index && place.position === position && place.parent === parent,
    );
    above = all[index]?.place;
  }
  return { rows: all, index };
}

/** The same tree with siblings in another order, and where a row stands in it. */
export function sortRows(
  closure: BrowsedClosure,
  rows: readonly TreeRow[],
  { index, sorting }: { readonly index: number; readonly sorting: Sorting },
): { readonly rows: readonly TreeRow[]; readonly index: number } {
  const siblings = Map.groupBy(rows, ({ place }) => place.parent);
  const ranks = closure.ranks[sorting];
  const compare = (a: TreeRow, b: TreeRow): number =>
    (ranks[a.place.position] as number) - (ranks[b.place.position] as number);
  const sorted: TreeRow[] = [];
  let found = 0;
  const waiting: { readonly row: TreeRow; readonly place: Place }[] = [];
  const push = (before: Place | undefined, parent: Place | undefined): void => {
    const ordered = (siblings.get(before) ?? []).toSorted(compare).toReversed();
    for (const [place, row] of ordered.entries())
      waiting.push({ row, place: { position: row.place.position, parent, isLast: place === 0 } });
  };
  push(undefined, undefined);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next.row === rows[index]) found = sorted.length;
    sorted.push({ place: next.place, isOpen: next.row.isOpen });
    if (next.row.isOpen) push(next.row.place, next.place);
  }
  return { rows: sorted, index: found };
}
