import type { ClosureModel } from "./closure-model.ts";

export type Column = "name" | "version" | "added" | "nar" | "closure" | "referrers" | "layer";

export interface TableOrder {
  readonly column: Column;
  readonly descending: boolean;
}

/** Numbers the largest first, words in order, when a column is chosen. */
export function firstOrder(column: Column): TableOrder {
  return { column, descending: !["name", "version", "layer"].includes(column) };
}

/** Positions in the order of a column; what is equal there by name, then by path. */
export function sortPositions(
  model: ClosureModel,
  positions: readonly number[],
  { column, descending }: TableOrder,
): number[] {
  const compare = comparers[column];
  const sign = descending ? -1 : 1;
  return positions.toSorted(
    (a, b) => sign * compare(model, a, b) || compareText(model.name(a), model.name(b)) || a - b,
  );
}

type Comparer = (model: ClosureModel, a: number, b: number) => number;

const comparers: Readonly<Record<Column, Comparer>> = {
  name: (model, a, b) => compareText(model.name(a), model.name(b)),
  version: (model, a, b) => compareVersions(model.version(a), model.version(b)),
  added: (model, a, b) => model.addedSize(a) - model.addedSize(b),
  nar: (model, a, b) => model.narSize(a) - model.narSize(b),
  closure: (model, a, b) => model.closureSize(a) - model.closureSize(b),
  referrers: (model, a, b) => (model.referrers[a]?.length ?? 0) - (model.referrers[b]?.length ?? 0),
  layer: (model, a, b) => model.layer(a) - model.layer(b),
};

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const versionOrder = new Intl.Collator("en", { numeric: true });

/** 3.10 after 3.9. */
function compareVersions(a: string, b: string): number {
  return versionOrder.compare(a, b);
}
