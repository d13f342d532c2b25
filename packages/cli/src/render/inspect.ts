import type { InspectedImage, InspectedLayer, InspectedPath, Inspection } from "@stowage/core";
import { formatCount } from "./count.ts";
import { renderWaste } from "./inspect-waste.ts";
import type { View } from "./ls.ts";
import { formatSize } from "./size.ts";
import { renderPath } from "./store-path.ts";
import { renderTable, type Column } from "./table.ts";
import { terminalSafe } from "./terminal-safe.ts";

const LIMIT = 10;
const PACKAGES_SHOWN = 3;
const TEXT_SHOWN = 72;

/** Each image: what it is, its largest layers, its waste. */
export function renderInspection({ images }: Inspection, view: View): string {
  return images.map((image) => describeImage(image, view)).join("\n");
}

function describeImage(image: InspectedImage, { limit = LIMIT, style }: View): string {
  const { layers, totals } = image;
  const numbered = layers.map((layer, index) => ({ index, ...layer }));
  const shown = new Set(numbered.toSorted((a, b) => b.size - a.size).slice(0, limit));
  const columns: Column<NumberedLayer>[] = [
    ...sizeColumns,
    { title: "what", align: "left", cell: (layer) => describeContents(image, layer) },
  ];
  const rest = numbered.filter((layer) => !shown.has(layer));
  const restSize = rest.reduce((sum, { size }) => sum + size, 0);
  const more =
    rest.length === 0 ? "" : `… and ${formatCount(rest.length, "smaller layer")}, ${formatSize(restSize)}\n`;
  const packages = new Set(layers.flatMap(({ storePaths }) => storePaths.map(({ name }) => name))).size;
  const store =
    totals.storePaths === 0
      ? "no store paths"
      : `${formatCount(totals.storePaths, "store path")} of ${formatCount(packages, "package")}`;
  return `${describeHead(image, style)}
${renderTable(
  columns,
  numbered.filter((layer) => shown.has(layer)),
  style,
)}${more}${formatCount(layers.length, "layer")}, ${store}, ${formatCount(totals.entries, "entr", "ies", "y")}
${renderWaste(image, { limit, style })}`;
}

type NumberedLayer = InspectedLayer & { readonly index: number };

const sizeColumns: Column<NumberedLayer>[] = [
  { title: "layer", align: "right", cell: ({ index }) => String(index) },
  { title: "stored", align: "right", cell: ({ size }) => formatSize(size) },
  { title: "plain", align: "right", cell: ({ plainSize }) => formatSize(plainSize) },
  {
    title: "hidden",
    align: "right",
    cell: ({ hiddenSize }) => (hiddenSize === 0 ? "" : formatSize(hiddenSize)),
  },
  { title: "entries", align: "right", cell: ({ entries }) => String(entries) },
];

function describeHead(image: InspectedImage, style: View["style"]): string {
  const { names, imageId, manifestDigest, platform, created, config, totals } = image;
  const title = names[0] ?? manifestDigest ?? imageId ?? "an image";
  const about = [
    ...(platform === undefined ? [] : [platform]),
    `${formatSize(totals.size)} stored`,
    `${formatSize(totals.plainSize)} plain`,
  ];
  const rows: [string, readonly string[]][] = [
    ["also named", names.slice(1)],
    ["image ID", imageId === undefined ? [] : [imageId]],
    ["manifest", manifestDigest === undefined ? [] : [manifestDigest]],
    ["created", created === undefined ? [] : [created]],
    ["entrypoint", config.entrypoint.length === 0 ? [] : [shownWords(config.entrypoint)]],
    ["cmd", config.cmd.length === 0 ? [] : [shownWords(config.cmd)]],
    ["env", config.env],
    ["user", config.user === undefined ? [] : [config.user]],
    ["workdir", config.workingDir === undefined ? [] : [config.workingDir]],
    ["ports", config.exposedPorts.length === 0 ? [] : [config.exposedPorts.join(", ")]],
    ["volumes", config.volumes.length === 0 ? [] : [config.volumes.join(", ")]],
    ["stop signal", config.stopSignal === undefined ? [] : [config.stopSignal]],
    ["labels", Object.entries(config.labels).map(([key, value]) => `${key}=${value}`)],
  ];
  const lines = rows.flatMap(([name, values]) =>
    values.map(
      (value, index) => `  ${style.dim((index === 0 ? name : "").padEnd(11))}  ${terminalSafe(value)}`,
    ),
  );
  return [`${style.bold(terminalSafe(title))}  ${terminalSafe(about.join(", "))}`, ...lines, ""].join("\n");
}

/** One word as it is, several as JSON, which is unmistakable. */
function shownWords(words: readonly string[]): string {
  return words.length === 1 && words[0] !== "" ? (words[0] as string) : JSON.stringify(words);
}

/** The packages of a layer, largest first; of one without store paths what the history says. */
function describeContents(image: InspectedImage, { index, storePaths }: NumberedLayer): string {
  if (storePaths.length === 0) {
    const step = image.history.find(({ layer }) => layer === index);
    return shorten(step?.createdBy ?? step?.comment ?? "");
  }
  const largest = storePaths.toSorted((a, b) => (b.narSize ?? 0) - (a.narSize ?? 0)).slice(0, PACKAGES_SHOWN);
  const more = storePaths.length - largest.length;
  return `${largest.map(packageName).join(", ")}${more === 0 ? "" : ` and ${more} more`}`;
}

function packageName({ name, version }: InspectedPath): string {
  return terminalSafe(version === "" ? name : `${name}-${version}`);
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return terminalSafe(line.length > TEXT_SHOWN ? `${line.slice(0, TEXT_SHOWN - 1)}…` : line);
}

/** Each layer with all that is known of it. */
export function renderLayers({ images }: Inspection, { style }: View): string {
  return images
    .map((image) =>
      image.layers.map((layer, index) => describeLayer(image, { index, ...layer }, style)).join(""),
    )
    .join("\n");
}

function describeLayer(image: InspectedImage, layer: NumberedLayer, style: View["style"]): string {
  const { index, digest, diffId, mediaType, size, plainSize, hiddenSize, entries, storePaths } = layer;
  const step = image.history.find((each) => each.layer === index);
  const about = [
    `${formatSize(size)} stored`,
    `${formatSize(plainSize)} plain`,
    ...(hiddenSize === 0 ? [] : [`${formatSize(hiddenSize)} hidden by layers above`]),
    formatCount(entries, "entr", "ies", "y"),
  ];
  const row = (name: string, value: string | undefined): string[] =>
    value === undefined || value === "" ? [] : [`  ${style.dim(name.padEnd(10))}  ${terminalSafe(value)}`];
  const lines = [
    `${style.bold(`layer ${index}`)}  ${about.join(", ")}`,
    ...row("digest", digest ?? "missing"),
    ...row("diffID", diffId === digest ? undefined : diffId),
    ...row("media type", mediaType),
    ...row("made by", storePaths.length > 0 ? undefined : shorten(step?.createdBy ?? step?.comment ?? "")),
    ...storePaths.map(
      ({ path, narSize }) =>
        `  ${(narSize === undefined ? "not whole" : formatSize(narSize)).padStart(10)}  ${renderPath(path, style)}`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}
