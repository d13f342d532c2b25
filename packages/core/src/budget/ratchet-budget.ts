import { applyEdits, findNodeAtLocation, modify, parseTree, type JSONPath } from "jsonc-parser";
import type { ClosureGraph } from "../graph/closure-graph.ts";
import { parseBudget, numberRules } from "./budget-file.ts";
import { formatLike, parseByteSize } from "./byte-size.ts";
import { measureForBudget, type ImageMeasures } from "./measure.ts";

/**
 * A budget's text with its numbers turned down to what is measured now, and never up: limits, and the baseline of
 * growth, which is recorded where it is missing. Comments, order and everything else stay as they are; a size written
 * for people stays in its unit, rounded up.
 * @throws CoreError `budget-invalid`
 */
export function ratchetBudget(text: string, graph: ClosureGraph, image?: ImageMeasures): string {
  const budget = parseBudget(text);
  const measured = measureForBudget(graph, image);
  const mark = text.startsWith("\uFEFF") ? "\uFEFF" : "";
  let ratcheted = text.slice(mark.length);
  for (const rule of numberRules) {
    if (budget[rule] !== undefined) ratcheted = turnDown(ratcheted, [rule], measured[rule]);
  }
  if (budget.growth !== undefined) {
    ratcheted = turnDown(ratcheted, ["growth", "baseline"], measured.closureSize);
  }
  return mark + ratcheted;
}

function turnDown(text: string, path: JSONPath, measured: number | undefined): string {
  if (measured === undefined) return text;
  const root = parseTree(text, [], { allowTrailingComma: true });
  const old: unknown = root && findNodeAtLocation(root, path)?.value;
  const isText = typeof old === "string";
  const limit = isText ? parseByteSize(old) : old;
  const next = isText ? formatLike(old, measured) : measured;
  const lowered = typeof next === "string" ? (parseByteSize(next) ?? Number.POSITIVE_INFINITY) : next;
  if (typeof limit === "number" && lowered >= limit) return text;
  return applyEdits(text, modify(text, path, next, { formattingOptions: formattingOf(text) }));
}

/** How the text is indented, for a line that is put in. */
function formattingOf(text: string): { insertSpaces: boolean; tabSize: number; eol: string } {
  const [, indent = "  "] = /\n([ \t]+)\S/.exec(text) ?? [];
  return {
    insertSpaces: !indent.startsWith("\t"),
    tabSize: indent.startsWith("\t") ? 1 : indent.length,
    eol: text.includes("\r\n") ? "\r\n" : "\n",
  };
}
