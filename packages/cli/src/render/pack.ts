import type { LoadedImage, PackResult } from "@stowage/core";
import { renderAttached, renderPushed } from "./push.ts";
import { formatSize } from "./size.ts";

/** What was packed, as the JSON document of `pack --json`. */
export function renderPackJson(result: PackResult): string {
  return `${JSON.stringify({ schemaVersion: 1, ...result }, null, 2)}\n`;
}

/** What was packed, in lines for people, with the command that loads it. */
export function renderPackText(result: PackResult): string {
  const size = result.layers.reduce((sum, layer) => sum + layer.size, 0);
  const what = `${formatSize(size)}, ${result.closure.paths} store paths in ${result.layers.length} layers, ${result.platform}`;
  const [tag = ""] = result.tags;
  if (result.imageId === undefined) return `would pack ${tag}: ${what}`;
  const into = result.output === undefined ? "" : ` into ${result.output}`;
  const lines = [`packed ${tag}${into}: ${what}`];
  if (result.output !== undefined) {
    lines.push(`  image ID ${result.imageId}`);
    if (result.format !== "oci-dir") lines.push(`  docker load -i ${shellWord(result.output)}`);
  }
  if (result.output === undefined && result.loaded !== undefined) lines.push(`  image ID ${result.imageId}`);
  return [
    ...lines,
    ...(result.pushed ?? []).map(renderPushed),
    ...(result.attached ?? []).map(renderAttached),
    ...(result.loaded ?? []).map(renderLoaded),
  ].join("\n");
}

/** What an engine was given, and what that cost. */
function renderLoaded({ engine, names, sent, layersSent }: LoadedImage): string {
  const layers = layersSent === 1 ? "1 layer" : `${layersSent} layers`;
  return `loaded ${names.join(", ")} into ${engine}: ${formatSize(sent)} sent, ${layers}`;
}

/** A file name as one word of a shell command. */
function shellWord(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) && !word.startsWith("-")
    ? word
    : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
