import type { ReportLayer, ReportUpgrade } from "../../src/report/report-data.ts";
import { formatChange, formatCount, formatShare, formatSize } from "../model/words.ts";
import { bar, button, element } from "./element.ts";
import { facts, type Page } from "./path-link.ts";

const reasons: Readonly<Record<string, string>> = {
  alone: "alone",
  kept: "as it was before",
  "change-together": "change together",
  small: "small enough to share",
  limit: "no more layers",
};

/** Layers, how often a release is expected to send each, and what an upgrade sends. */
export function makeLayers(page: Page): HTMLElement {
  const { layers } = page.model.data;
  const { list, others, upgrade, totals } = layers;
  if (list.length === 0)
    return element("div", { class: "empty" }, element("p", {}, "No layer has store paths."));
  const most = Math.max(...list.map(({ size }) => size));
  const sizeTitle = { stored: "Stored", tar: "Tar", estimated: "Tar, about" }[layers.sizes];
  return element(
    "div",
    { class: "list" },
    element("p", { class: "lead" }, leadOf(page)),
    upgrade && makeUpgrade(upgrade, totals.size),
    element(
      "table",
      { class: "layers" },
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          ...[
            ["Layer", "name"],
            [sizeTitle, "number"],
            ["", "bar-cell"],
            ["Packages", "packages"],
            ["By a release", "number wide"],
            ...(layers.kind === "planned" ? [["Why together", "wide"]] : []),
          ].map(([title = "", name = ""]) =>
            element("th", { class: name, attributes: { scope: "col" } }, title),
          ),
        ),
      ),
      element("tbody", {}, ...list.map((layer, index) => makeRow(page, layer, { index, most }))),
    ),
    others !== undefined &&
      others.layers > 0 &&
      element(
        "p",
        { class: "hint" },
        `${formatCount(others.layers, "layer")} more without store paths, ${formatSize(others.size)}${upgrade === undefined ? "" : "; whether an upgrade sends that is not counted"}.`,
      ),
  );
}

function leadOf({ model }: Page): string {
  const { kind, list, totals } = model.data.layers;
  const what = kind === "image" ? "The image has" : "A pack would make";
  return `${what} ${formatCount(list.length, "layer")} of store paths, ${formatSize(totals.size)}. A release is expected to send ${formatSize(totals.expectedBytes)} of that.`;
}

function makeRow(
  page: Page,
  layer: ReportLayer,
  { index, most }: { readonly index: number; readonly most: number },
): HTMLElement {
  const { model, store } = page;
  const positions = model.positions.filter((position) => model.layer(position) === index);
  const label = model.layerLabel(index);
  const names = [
    ...new Set(
      positions
        .toSorted((a, b) => model.narSize(b) - model.narSize(a))
        .map((position) => model.name(position)),
    ),
  ];
  const shown = names.slice(0, 4).join(", ");
  const more = names.length > 4 ? ` and ${names.length - 4} more` : "";
  const pick = (): void => store.update({ selection: { kind: "group", label, positions } });
  return element(
    "tr",
    { class: layer.kept === false ? "sent" : "" },
    element(
      "td",
      { class: "name" },
      button(label, pick, { class: "link", attributes: { title: layer.digest } }),
      layer.kept !== undefined &&
        element("span", { class: `badge ${layer.kept ? "kept" : "sent"}` }, layer.kept ? "kept" : "sent"),
    ),
    element("td", { class: "number" }, formatSize(layer.size)),
    element("td", { class: "bar-cell" }, bar(layer.size / most, layer.kept === false ? "sent" : "")),
    element("td", { class: "packages" }, `${shown}${more}`),
    element("td", { class: "number wide" }, formatShare(layer.likelihood, 1)),
    layer.reason !== undefined && element("td", { class: "wide" }, reasons[layer.reason] ?? layer.reason),
  );
}

function makeUpgrade(upgrade: ReportUpgrade, total: number): HTMLElement {
  const { from, sentLayers, sentSize, keptLayers, keptSize, changedNarSize, draggedNarSize, causes } =
    upgrade;
  const all = sentLayers + keptLayers;
  return element(
    "section",
    { class: "upgrade" },
    element("h2", {}, "What an upgrade sends"),
    element(
      "p",
      {},
      "From ",
      element("strong", {}, from),
      sentLayers === 0 ? ": nothing, all layers are there." : ":",
    ),
    split(sentSize / total),
    facts(
      ["Sent", `${formatSize(sentSize)} in ${sentLayers} of ${formatCount(all, "layer")}`],
      ["Kept", `${formatSize(keptSize)} in ${formatCount(keptLayers, "layer")}`],
      ["Changed", formatSize(changedNarSize)],
      ["Sent though unchanged", formatSize(draggedNarSize)],
    ),
    causes.length > 0 && makeCauses(causes),
  );
}

const CAUSES = 8;

function makeCauses(causes: ReportUpgrade["causes"]): HTMLElement {
  const headings = [
    ["Because of", ""],
    ["Versions", ""],
    ["Paths", "number wide"],
    ["NAR", "number"],
  ] as const;
  const row = (cause: ReportUpgrade["causes"][number]): HTMLElement =>
    element(
      "tr",
      {},
      element(
        "td",
        { class: "name" },
        cause.name,
        element("span", { class: `badge ${cause.kind}` }, cause.kind),
      ),
      element("td", {}, formatChange(cause.versionsBefore, cause.versionsAfter)),
      element("td", { class: "number wide" }, String(cause.paths)),
      element("td", { class: "number" }, formatSize(cause.narSize)),
    );
  const body = element("tbody", {}, ...causes.slice(0, CAUSES).map(row));
  const table = element(
    "table",
    { class: "causes" },
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        ...headings.map(([title, name]) =>
          element("th", { class: name, attributes: { scope: "col" } }, title),
        ),
      ),
    ),
    body,
  );
  if (causes.length <= CAUSES) return table;
  const more = button(
    `All ${formatCount(causes.length, "cause")}`,
    () => {
      body.append(...causes.slice(CAUSES).map(row));
      more.remove();
    },
    { class: "more" },
  );
  return element("div", {}, table, more);
}

function split(sent: number): HTMLElement {
  const whole = bar(sent, "sent");
  whole.classList.add("split");
  return whole;
}
