import type { InspectedImage, InspectedWaste } from "@stowage/core";
import { formatCount } from "./count.ts";
import type { View } from "./ls.ts";
import { formatSize } from "./size.ts";
import { renderTable, type Column } from "./table.ts";
import { terminalSafe } from "./terminal-safe.ts";

/** What of the image no container sees, and what is there more than once. */
export function renderWaste({ waste }: InspectedImage, { limit, style }: View): string {
  if (waste === undefined) return "waste: too many files to tell\n";
  const { contentSize, visibleSize, hiddenSize, repeatedSize, hidden, repeated } = waste;
  const share = (bytes: number): string => `${((100 * bytes) / (contentSize || 1)).toFixed(1)} %`;
  const seen =
    hiddenSize === 0
      ? `efficiency 100.0 %: no layer hides a byte of another`
      : `efficiency ${share(visibleSize)}: ${formatSize(hiddenSize)} of ${formatSize(contentSize)} are hidden by layers above`;
  const again =
    repeatedSize === 0
      ? "no contents are there twice"
      : `${formatSize(repeatedSize)} (${share(repeatedSize)}) are contents that are there more than once`;
  return `${seen}; ${again}\n${hiddenTable(hidden, limit, style)}${repeatedTable(repeated, limit, style)}`;
}

type Hidden = InspectedWaste["hidden"][number];

function hiddenTable(hidden: readonly Hidden[], limit: number | undefined, style: View["style"]): string {
  if (hidden.length === 0) return "";
  const columns: Column<Hidden>[] = [
    { title: "hidden", align: "right", cell: ({ size }) => formatSize(size) },
    { title: "layer", align: "right", cell: ({ layer }) => String(layer) },
    { title: "by", align: "left", cell: ({ reason, by }) => `${reason} in ${by}` },
    { title: "file", align: "left", cell: ({ path }) => terminalSafe(path) },
  ];
  const shown = hidden.slice(0, limit);
  return renderTable(columns, shown, style) + moreFiles(hidden.slice(shown.length), ({ size }) => size);
}

type Repeated = InspectedWaste["repeated"][number];

function repeatedTable(
  repeated: readonly Repeated[],
  limit: number | undefined,
  style: View["style"],
): string {
  if (repeated.length === 0) return "";
  const columns: Column<Repeated>[] = [
    { title: "repeated", align: "right", cell: ({ wasted }) => formatSize(wasted) },
    { title: "copies", align: "right", cell: ({ places }) => String(places.length) },
    { title: "layers", align: "left", cell: ({ places }) => listLayers(places.map(({ layer }) => layer)) },
    { title: "file, and its copies", align: "left", cell: describePlaces },
  ];
  const shown = repeated.slice(0, limit);
  return renderTable(columns, shown, style) + moreFiles(repeated.slice(shown.length), ({ wasted }) => wasted);
}

function moreFiles<T>(rest: readonly T[], sizeOf: (item: T) => number): string {
  if (rest.length === 0) return "";
  const size = rest.reduce((sum, item) => sum + sizeOf(item), 0);
  return `… and ${formatCount(rest.length, "more file")}, ${formatSize(size)}\n`;
}

const LAYERS_SHOWN = 3;

function listLayers(layers: readonly number[]): string {
  const distinct = [...new Set(layers)];
  const shown = distinct.slice(0, LAYERS_SHOWN).join(", ");
  return distinct.length > LAYERS_SHOWN ? `${shown}, …` : shown;
}

function describePlaces({ places }: Repeated): string {
  const [first, second] = places;
  const more = places.length > 2 ? ` and ${places.length - 2} more` : "";
  return terminalSafe(`${first?.path ?? ""} = ${second?.path ?? ""}${more}`);
}
