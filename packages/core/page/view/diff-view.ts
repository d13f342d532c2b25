import type { ReportDiff, ReportPathChange } from "../../src/report/report-data.ts";
import { formatChange, formatCount, formatDelta, formatSize } from "../model/words.ts";
import { bar, element } from "./element.ts";
import { facts, pathLink, type Page } from "./path-link.ts";

const kinds = ["added", "removed", "changed", "rebuilt"] as const;

/** How the closure differs from another, package by package, the largest change of size first. */
export function makeDiff(page: Page, diff: ReportDiff): HTMLElement {
  const { from, before, after, delta, unchangedPaths, packages } = diff;
  const counts = kinds
    .map((kind) => ({ kind, count: packages.filter((change) => change.kind === kind).length }))
    .filter(({ count }) => count > 0);
  const most = Math.max(1, ...packages.map((change) => Math.abs(change.delta)));
  return element(
    "div",
    { class: "list" },
    element(
      "p",
      { class: "lead" },
      "Compared with ",
      element("strong", {}, from),
      packages.length === 0 ? ": the closures are the same." : ".",
    ),
    facts(
      ["Size", `${formatSize(before.narSize)} \u2192 ${formatSize(after.narSize)}`],
      ["Change", formatDelta(delta)],
      ["Paths", `${before.paths} \u2192 ${after.paths}, ${unchangedPaths} unchanged`],
      ...counts.map(({ kind, count }) => [capital(kind), formatCount(count, "package")] as const),
    ),
    ...packages.map(({ name, kind, delta: change, changes, ...versions }) =>
      element(
        "details",
        { class: "item" },
        element(
          "summary",
          {},
          element("span", { class: "item-name" }, name),
          element(
            "span",
            { class: "item-versions" },
            formatChange(versions.versionsBefore, versions.versionsAfter),
          ),
          element("span", { class: `badge ${kind}` }, kind),
          element(
            "span",
            { class: `number ${change > 0 ? "grown" : change < 0 ? "shrunk" : ""}` },
            formatDelta(change),
          ),
          bar(Math.abs(change) / most, change > 0 ? "grown" : "shrunk"),
        ),
        element("ul", { class: "copies" }, ...changes.map((each) => describeChange(page, each))),
      ),
    ),
  );
}

function describeChange(page: Page, change: ReportPathChange): HTMLElement {
  const { kind, output, before, after } = change;
  const { model } = page;
  return element(
    "li",
    {},
    element(
      "div",
      { class: "copy" },
      element("span", { class: `badge ${kind}` }, kind),
      output !== "out" && element("span", { class: "output" }, output),
      element("span", { class: "number" }, sizesOf(page, change)),
    ),
    before && element("p", { class: "store-path before" }, `${model.data.storeDir}/${before.base}`),
    after !== undefined && element("p", { class: "store-path" }, model.path(after)),
    after !== undefined && element("p", {}, pathLink(page, after)),
  );
}

function sizesOf({ model }: Page, { before, after, delta }: ReportPathChange): string {
  const sizes = [before?.narSize, after === undefined ? undefined : model.narSize(after)]
    .filter((size) => size !== undefined)
    .map(formatSize);
  return sizes.length < 2 || delta === 0
    ? formatDelta(delta)
    : `${sizes.join(" \u2192 ")}, ${formatDelta(delta)}`;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
