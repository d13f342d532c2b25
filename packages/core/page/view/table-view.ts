import { findMatches } from "../model/search.ts";
import { firstOrder, sortPositions, type Column } from "../model/table-order.ts";
import { formatCount, formatNumber, formatSize } from "../model/words.ts";
import { shownPositions, type State } from "../state.ts";
import { button, element } from "./element.ts";
import { pathLink, type Page } from "./path-link.ts";

/** Rows that are made at once: thousands take a second to lay out. */
const CHUNK = 200;

interface Heading {
  readonly column: Column;
  readonly title: string;
  readonly explanation: string;
  /** Left out where there is little room. */
  readonly wide?: boolean;
}

const headings: readonly Heading[] = [
  { column: "name", title: "Package", explanation: "By name" },
  { column: "version", title: "Version", explanation: "By version" },
  { column: "added", title: "Added", explanation: "What the closure would lose without it" },
  { column: "nar", title: "NAR", explanation: "Its own size" },
  { column: "closure", title: "Closure", explanation: "Its size with all it needs", wide: true },
  { column: "referrers", title: "Needed by", explanation: "How many paths refer to it", wide: true },
  { column: "layer", title: "Layer", explanation: "Its layer's number", wide: true },
];

/** All paths that are shown and match, in the order of a column. */
export class TableView {
  readonly element: HTMLElement;
  readonly #page: Page;
  readonly #body = element("tbody");
  readonly #head = element("tr");
  readonly #count = element("p", { class: "table-count", attributes: { role: "status" } });
  readonly #more: HTMLButtonElement;
  readonly #nearEnd: IntersectionObserver;
  #sorted: readonly number[] = [];
  #made = 0;
  #isOutdated = true;

  constructor(page: Page) {
    this.#page = page;
    this.#more = button("Show more", () => this.#makeMore(), { class: "more" });
    this.element = element(
      "div",
      { class: "table-frame" },
      element("table", { class: "paths" }, element("thead", {}, this.#head), this.#body),
      this.#more,
      this.#count,
    );
    page.store.subscribe((state, before) => this.#update(state, before));
    this.#nearEnd = new IntersectionObserver(
      (entries) => {
        if (entries.at(-1)?.isIntersecting === true) this.#makeMore();
      },
      { rootMargin: "600px" },
    );
    this.#nearEnd.observe(this.#more);
    addEventListener("beforeprint", () => {
      while (this.#made < this.#sorted.length) this.#makeMore();
    });
  }

  #update(state: State, before: State): void {
    const isOther = (["hidden", "isolated", "query", "order"] as const).some(
      (key) => state[key] !== before[key],
    );
    this.#isOutdated ||= isOther;
    if (this.#isOutdated && state.tab === "table") this.#fill(state);
    if (state.order !== before.order && this.element.getBoundingClientRect().top < 0)
      this.element.scrollIntoView();
    if (state.selection !== before.selection) this.#markSelected(state);
  }

  #fill(state: State): void {
    this.#isOutdated = false;
    const { model } = this.#page;
    const matches = findMatches(model, state.query);
    const shown = [...shownPositions(state, model.positions)].filter(
      (position) => matches?.has(position) ?? true,
    );
    this.#sorted = sortPositions(model, shown, state.order);
    const focused =
      document.activeElement instanceof HTMLElement ? document.activeElement.dataset["column"] : undefined;
    this.#head.replaceChildren(...headings.map((heading) => this.#makeHeading(heading, state)));
    if (focused !== undefined) this.#head.querySelector<HTMLElement>(`[data-column="${focused}"]`)?.focus();
    this.#body.replaceChildren();
    this.#made = 0;
    this.#makeMore();
    this.#count.textContent =
      shown.length === 0
        ? "No path matches."
        : `${formatCount(shown.length, "path")}, ${formatSize(model.sizeOf(shown))}`;
  }

  #makeHeading({ column, title, explanation, wide }: Heading, { order }: State): HTMLElement {
    const isSorted = order.column === column;
    const sort = isSorted ? (order.descending ? "descending" : "ascending") : "none";
    const press = (): void =>
      this.#page.store.update({
        order: isSorted ? { column, descending: !order.descending } : firstOrder(column),
      });
    return element(
      "th",
      { class: `${column}${wide ? " wide" : ""}`, attributes: { scope: "col", "aria-sort": sort } },
      button(title, press, { attributes: { title: explanation, "data-column": column } }),
    );
  }

  #makeMore(): void {
    const rows = this.#sorted
      .slice(this.#made, this.#made + CHUNK)
      .map((position) => this.#makeRow(position));
    this.#body.append(...rows);
    this.#made += rows.length;
    this.#more.hidden = this.#made >= this.#sorted.length;
    // An observer tells changes only, and who has scrolled to the new end before the next frame is near it still.
    this.#nearEnd.unobserve(this.#more);
    this.#nearEnd.observe(this.#more);
    this.#markSelected(this.#page.store.state);
  }

  #makeRow(position: number): HTMLElement {
    const { model } = this.#page;
    const layer = model.data.layers.list[model.layer(position)];
    const cell = (name: string, content: string | Node): HTMLElement =>
      element("td", { class: name }, content);
    const link = pathLink(this.#page, position);
    const output = model.output(position);
    link.textContent = model.name(position);
    return element(
      "tr",
      { attributes: { "data-position": String(position) } },
      element(
        "td",
        { class: "name" },
        link,
        model.version(position) !== "" &&
          element("span", { class: "small-version" }, model.version(position)),
        output !== "" && element("span", { class: "output" }, output),
        model.isRoot[position] === true && element("span", { class: "badge" }, "root"),
      ),
      cell("version", model.version(position)),
      cell("added number", formatSize(model.addedSize(position))),
      cell("nar number", formatSize(model.narSize(position))),
      cell("closure number wide", formatSize(model.closureSize(position))),
      cell("referrers number wide", formatNumber(model.referrers[position]?.length ?? 0)),
      cell("layer number wide", layer === undefined ? "\u2013" : String(layer.number)),
    );
  }

  #markSelected({ selection }: State): void {
    this.#body.querySelector(".selected")?.classList.remove("selected");
    if (selection?.kind === "path")
      this.#body.querySelector(`[data-position="${selection.position}"]`)?.classList.add("selected");
  }
}
