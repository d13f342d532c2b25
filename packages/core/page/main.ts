import type { ReportData } from "../src/report/report-data.ts";
import { ClosureModel } from "./model/closure-model.ts";
import { Store, stepBack } from "./state.ts";
import { DetailsView } from "./view/details-view.ts";
import { makeDiff } from "./view/diff-view.ts";
import { makeDuplicates } from "./view/duplicates-view.ts";
import { element } from "./view/element.ts";
import { makeHeader } from "./view/header.ts";
import { makeLayers } from "./view/layers-view.ts";
import { MapView } from "./view/map-view.ts";
import { TableView } from "./view/table-view.ts";
import { makeTabs, type TabPanel } from "./view/tabs.ts";
import { Toolbar } from "./view/toolbar.ts";

/** Draws the report into the page that holds its data. */
function start(): void {
  const text = document.querySelector("#report-data")?.textContent ?? "";
  const model = new ClosureModel(JSON.parse(text) as ReportData);
  const store = new Store();
  const page = { model, store };
  const { duplicates, layers, diff } = model.data;
  const toolbar = new Toolbar(page);
  const details = new DetailsView(page);
  const panels: TabPanel[] = [
    {
      tab: "map",
      title: "Map",
      note: "",
      panel: element("div", { class: "panel map-panel" }, new MapView(page).element, keys()),
    },
    {
      tab: "table",
      title: "Table",
      note: "",
      panel: element("div", { class: "panel" }, new TableView(page).element),
    },
    {
      tab: "duplicates",
      title: "Duplicates",
      note: String(duplicates.length),
      panel: element("div", { class: "panel" }, makeDuplicates(page)),
    },
    {
      tab: "layers",
      title: "Layers",
      note: String(layers.list.length),
      panel: element("div", { class: "panel" }, makeLayers(page)),
    },
  ];
  if (diff !== undefined)
    panels.push({
      tab: "diff",
      title: "Diff",
      note: String(diff.packages.length),
      panel: element("div", { class: "panel" }, makeDiff(page, diff)),
    });
  const { list, body } = makeTabs(store, panels);
  const content = element(
    "main",
    {},
    element("div", { class: "content" }, toolbar.element, body),
    details.element,
    details.announcement,
  );
  document.body.append(makeHeader(page), element("nav", {}, list), content);
  store.subscribe(({ tab }) => {
    toolbar.element.hidden = tab !== "map" && tab !== "table";
    content.dataset["tab"] = tab;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") store.update(stepBack(store.state));
    if (event.key !== "/" || event.target instanceof HTMLInputElement || toolbar.element.hidden) return;
    event.preventDefault();
    toolbar.search.focus();
  });
}

function keys(): HTMLElement {
  const key = (name: string): HTMLElement => element("kbd", {}, name);
  return element(
    "p",
    { class: "keys", attributes: { id: "map-keys" } },
    key("Arrows"),
    " move, ",
    key("Enter"),
    " picks, ",
    key("h"),
    " hides, ",
    key("i"),
    " or a double click isolates, ",
    key("Esc"),
    " goes back, ",
    key("/"),
    " searches.",
  );
}

start();
