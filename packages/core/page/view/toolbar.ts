import { findMatches } from "../model/search.ts";
import { formatCount, formatSize } from "../model/words.ts";
import { isolate, shownPositions, type State, type Store } from "../state.ts";
import { button, element } from "./element.ts";
import type { Page } from "./path-link.ts";

/** What the map and the table share: search, what is shown, and for the map what areas, boxes and colours mean. */
export class Toolbar {
  readonly element: HTMLElement;
  readonly search: HTMLInputElement;
  readonly #page: Page;
  readonly #chips = element("div", { class: "chips" });
  readonly #found = element("span", { class: "found", attributes: { role: "status" } });
  readonly #searching = element("div", { class: "search" });
  readonly #isolateFound: HTMLButtonElement;

  constructor(page: Page) {
    const { store, model } = page;
    this.#page = page;
    this.search = element("input", {
      attributes: {
        type: "search",
        placeholder: "Search packages and paths",
        "aria-label": "Search packages and paths",
        autocomplete: "off",
        spellcheck: "false",
      },
    });
    this.search.addEventListener("input", () => store.update({ query: this.search.value }));
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#pickFirst();
    });
    this.#isolateFound = button("Isolate matches", () => {
      const matches = findMatches(model, store.state.query) ?? [];
      store.update({ ...isolate(store.state, `\u201c${store.state.query}\u201d`, matches), query: "" });
    });
    this.#searching.append(this.search, this.#found, this.#isolateFound);
    const mapOnly = element(
      "div",
      { class: "choices" },
      choice(store, "basis", "Area", [
        ["nar", "NAR size"],
        ["added", "Added size"],
      ]),
      choice(store, "grouping", "Group", [
        ["package", "Package"],
        ["layer", "Layer"],
      ]),
      model.columns.change !== undefined &&
        choice(store, "colour", "Colour", [
          ["package", "Package"],
          ["change", "Changes"],
        ]),
    );
    this.element = element("div", { class: "toolbar" }, this.#searching, mapOnly, this.#chips);
    const legend = makeLegend();
    mapOnly.after(legend);
    store.subscribe((state) => {
      legend.hidden = state.tab !== "map" || state.colour !== "change";
      if (this.search.value !== state.query) this.search.value = state.query;
      mapOnly.hidden = state.tab !== "map";
      this.#showFound(state);
      this.#showChips(state);
    });
  }

  #showFound(state: State): void {
    const { model } = this.#page;
    const matches = findMatches(model, state.query);
    const shown = shownPositions(state, model.positions);
    const found = [...(matches ?? [])].filter((position) => shown.has(position));
    const words =
      found.length === 0
        ? "nothing found"
        : `${formatCount(found.length, "path")}, ${formatSize(model.sizeOf(found))}`;
    this.#found.textContent = matches === undefined ? "" : words;
    this.#isolateFound.disabled = found.length === 0;
    this.#searching.classList.toggle("searching", matches !== undefined);
  }

  #showChips({ hidden, isolated }: State): void {
    const { model, store } = this.#page;
    const chips = isolated.map(({ label }, depth) =>
      chip(`Only ${label}`, "Show the rest again", () =>
        store.update({ isolated: isolated.slice(0, depth) }),
      ),
    );
    if (hidden.size > 0)
      chips.push(
        chip(
          `${formatCount(hidden.size, "path")} hidden, ${formatSize(model.sizeOf(hidden))}`,
          "Show what is hidden",
          () => store.update({ hidden: new Set() }),
        ),
      );
    this.#chips.replaceChildren(...chips);
    this.#chips.hidden = chips.length === 0;
  }

  #pickFirst(): void {
    const { model, store } = this.#page;
    const shown = shownPositions(store.state, model.positions);
    const matches = [...(findMatches(model, store.state.query) ?? [])].filter((position) =>
      shown.has(position),
    );
    const [first] = matches.toSorted((a, b) => model.narSize(b) - model.narSize(a) || a - b);
    if (first !== undefined) store.update({ selection: { kind: "path", position: first } });
  }
}

/** What the colours of changes mean. */
function makeLegend(): HTMLElement {
  const meanings = [
    ["added", "added"],
    ["changed", "other version"],
    ["rebuilt", "rebuilt"],
    ["same", "as before"],
  ] as const;
  return element(
    "div",
    { class: "legend" },
    ...meanings.map(([kind, words]) => element("span", {}, element("i", { class: kind }), words)),
  );
}

function chip(label: string, action: string, onClick: () => void): HTMLElement {
  return element(
    "span",
    { class: "chip" },
    element("span", {}, label),
    button("\u00d7", onClick, { attributes: { "aria-label": `${action}: ${label}`, title: action } }),
  );
}

/** Some words of which one is chosen. */
function choice<Key extends "basis" | "grouping" | "colour">(
  store: Store,
  key: Key,
  title: string,
  options: readonly (readonly [State[Key], string])[],
): HTMLElement {
  const inputs = options.map(([value, label]) => {
    const input = element("input", { attributes: { type: "radio", name: key, value } });
    input.addEventListener("change", () => store.update({ [key]: value }));
    return element("label", {}, input, element("span", {}, label));
  });
  store.subscribe((state) => {
    for (const label of inputs) {
      const input = label.firstElementChild;
      if (input instanceof HTMLInputElement) input.checked = input.value === state[key];
    }
  });
  return element("fieldset", { class: "choice" }, element("legend", {}, title), ...inputs);
}
