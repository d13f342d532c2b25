import { formatCount, formatDelta, formatSize } from "../model/words.ts";
import { element } from "./element.ts";
import type { Page } from "./path-link.ts";

/** What the report is about, and the numbers that one asks for first. */
export function makeHeader({ model }: Page): HTMLElement {
  const { subject, duplicates, layers, diff } = model.data;
  const saves = duplicates.reduce((sum, each) => sum + each.saves, 0);
  const number = (value: string, label: string): HTMLElement =>
    element("div", {}, element("dd", {}, value), element("dt", {}, label));
  return element(
    "header",
    { class: "top" },
    element(
      "div",
      { class: "title" },
      element("p", { class: "kind" }, subject.kind === "image" ? "Image" : "Closure"),
      element(
        "h1",
        {},
        subject.name,
        subject.version !== "" && element("span", { class: "version" }, ` ${subject.version}`),
      ),
      subject.kind === "closure" &&
        model.data.roots.length > 1 &&
        element("p", { class: "hint" }, `and ${formatCount(model.data.roots.length - 1, "more target")}`),
      subject.digest !== undefined && element("p", { class: "store-path" }, subject.digest),
    ),
    element(
      "dl",
      { class: "numbers" },
      number(formatSize(model.total), "NAR size"),
      number(
        formatCount(model.count, "path").split("\u00a0")[0] ?? "",
        model.count === 1 ? "store path" : "store paths",
      ),
      number(String(layers.list.length), layers.list.length === 1 ? "layer" : "layers"),
      duplicates.length > 0 && number(formatSize(saves), "in duplicates"),
      layers.upgrade !== undefined && number(formatSize(layers.upgrade.sentSize), "sent by an upgrade"),
      diff !== undefined && number(formatDelta(diff.delta), "since before"),
    ),
  );
}
