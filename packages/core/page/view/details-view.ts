import { behind, reach, whyChains } from "../model/chains.ts";
import { formatCount, formatShare, formatSize } from "../model/words.ts";
import { hide, isolate, type Selection } from "../state.ts";
import { button, element } from "./element.ts";
import { chainList, facts, pathLink, type Page } from "./path-link.ts";

const CHAINS = 3;
/** What nearly everything needs has thousands. */
const MOST_CHAINS = 100;
const PATHS = 8;

/** What is known of what is picked: sizes, why it is there, what depends on it. */
export class DetailsView {
  readonly element: HTMLElement = element("aside", {
    class: "details",
    attributes: { "aria-label": "Details" },
  });
  /** What is said to who does not see the details change. */
  readonly announcement: HTMLElement = element("p", { class: "unseen", attributes: { role: "status" } });
  readonly #page: Page;
  /** What had the focus before the details had it. */
  #origin: Element | null = null;

  constructor(page: Page) {
    this.#page = page;
    page.store.subscribe(({ selection }, before) => {
      if (selection === before.selection && this.element.hasChildNodes()) return;
      this.element.classList.toggle("open", selection !== undefined);
      this.element.scrollTop = 0;
      this.#show(selection);
      this.announcement.textContent = selection === undefined ? "" : `Picked ${this.#nameOf(selection)}`;
    });
  }

  #describe(selection: Selection | undefined): HTMLElement[] {
    if (selection === undefined) return this.#describeNothing();
    return selection.kind === "path"
      ? this.#describePath(selection.position)
      : this.#describeGroup(selection.label, selection.positions);
  }

  /** The focus stays in the details while one follows paths from there, and goes back where it came from. */
  #show(selection: Selection | undefined): void {
    const isInside = this.element.contains(document.activeElement);
    if (!isInside) this.#origin = document.activeElement;
    this.element.replaceChildren(...this.#describe(selection));
    const next = selection === undefined ? this.#origin : this.element.querySelector("h2");
    if (isInside && next instanceof HTMLElement) next.focus();
  }

  #nameOf(selection: Selection): string {
    return selection.kind === "path" ? this.#page.model.label(selection.position) : selection.label;
  }

  #describeNothing(): HTMLElement[] {
    const { model } = this.#page;
    const largest = model.positions
      .filter((position) => !model.isRoot[position])
      .toSorted((a, b) => model.addedSize(b) - model.addedSize(a) || a - b)
      .slice(0, PATHS);
    return [
      element("h2", {}, "What costs most"),
      element(
        "p",
        { class: "hint" },
        "What the closure would lose without each of these, and what only it needs.",
      ),
      this.#sizedList(largest, (position) => model.addedSize(position)),
      element("p", { class: "hint" }, "Pick a box to see why it is there and what depends on it."),
    ];
  }

  #describePath(position: number): HTMLElement[] {
    const { model, store } = this.#page;
    const label = model.label(position);
    const { columns, total } = model;
    const change = columns.change?.[position];
    const alone = behind(model, position);
    const needed = (): Set<number> => reach([position], (each) => model.references(each));
    return [
      this.#head(
        model.name(position),
        [model.version(position), model.output(position) && `output ${model.output(position)}`]
          .filter(Boolean)
          .join(" · "),
      ),
      element("p", { class: "store-path" }, model.path(position)),
      facts(
        ["NAR size", formatSize(model.narSize(position))],
        [
          "Added size",
          `${formatSize(model.addedSize(position))} · ${formatShare(model.addedSize(position), total)}`,
        ],
        ["Closure size", formatSize(model.closureSize(position))],
        model.layer(position) === -1 ? undefined : ["Layer", model.layerLabel(model.layer(position))],
        change === undefined ? undefined : ["Since before", change === "same" ? "unchanged" : change],
      ),
      element(
        "div",
        { class: "actions" },
        button("Hide", () => store.update(hide(store.state, [position]))),
        alone.size > 1 &&
          button("Hide with what only it needs", () => store.update(hide(store.state, alone))),
        button("Isolate what it needs", () =>
          store.update({ ...isolate(store.state, `${label} and what it needs`, needed()), tab: "map" }),
        ),
      ),
      ...this.#why(position),
      ...this.#pathSection(
        "Needed by",
        "Nothing else in the closure refers to it.",
        model.referrers[position] ?? [],
        {
          more: (count) => {
            const all = reach([position], (each) => model.referrers[each] ?? []).size - 1;
            return all > count ? `${formatCount(all, "path")} in all, directly or not` : "";
          },
        },
      ),
      ...this.#pathSection("Needs", "It refers to nothing else.", model.references(position), {
        more: (count) => {
          const all = needed().size - 1;
          return all > count ? `${formatCount(all, "path")} in all, directly or not` : "";
        },
      }),
    ];
  }

  #why(position: number): HTMLElement[] {
    const chains = whyChains(this.#page.model, position);
    const heading = element("h3", {}, "Why it is here");
    if (this.#page.model.isRoot[position] && chains.length === 1)
      return [heading, element("p", {}, "It is what was asked for.")];
    if (chains.length === 0)
      return [heading, element("p", {}, "No chain of references leads to it from a root.")];
    const shown = (count: number): HTMLElement[] =>
      chains.slice(0, count).map((chain) => chainList(this.#page, chain));
    const list = element("div", { class: "chains" }, ...shown(CHAINS));
    if (chains.length <= CHAINS) return [heading, list];
    const more = button(
      chains.length > MOST_CHAINS
        ? `The first ${MOST_CHAINS} of ${formatCount(chains.length, "chain")}`
        : `All ${formatCount(chains.length, "chain")}`,
      () => {
        list.replaceChildren(...shown(MOST_CHAINS));
        more.remove();
      },
      { class: "more" },
    );
    return [heading, list, more];
  }

  #pathSection(
    title: string,
    none: string,
    positions: readonly number[],
    { more }: { readonly more: (shown: number) => string },
  ): HTMLElement[] {
    const { model } = this.#page;
    const heading = element(
      "h3",
      {},
      title,
      positions.length > 0 && element("span", { class: "count" }, String(positions.length)),
    );
    if (positions.length === 0) return [heading, element("p", {}, none)];
    const sorted = positions.toSorted((a, b) => model.closureSize(b) - model.closureSize(a) || a - b);
    const words = more(positions.length);
    return [
      heading,
      this.#sizedList(sorted, (position) => model.narSize(position), PATHS),
      element("p", { class: "hint" }, words),
    ];
  }

  #describeGroup(label: string, positions: readonly number[]): HTMLElement[] {
    const { model, store } = this.#page;
    const size = model.sizeOf(positions);
    return [
      this.#head(label, formatCount(positions.length, "path")),
      facts(["NAR size", `${formatSize(size)} · ${formatShare(size, model.total)}`]),
      element(
        "div",
        { class: "actions" },
        button("Hide", () => store.update(hide(store.state, positions))),
        button("Isolate", () => store.update({ ...isolate(store.state, label, positions), tab: "map" })),
      ),
      element("h3", {}, "Paths", element("span", { class: "count" }, String(positions.length))),
      this.#sizedList(
        positions.toSorted((a, b) => model.narSize(b) - model.narSize(a) || a - b),
        (position) => model.narSize(position),
        PATHS,
      ),
    ];
  }

  #head(title: string, below: string): HTMLElement {
    return element(
      "div",
      { class: "details-head" },
      element("div", {}, element("h2", { attributes: { tabindex: "-1" } }, title), element("p", {}, below)),
      button("\u00d7", () => this.#page.store.update({ selection: undefined }), {
        class: "close",
        attributes: { "aria-label": "Close details" },
      }),
    );
  }

  #sizedList(
    positions: readonly number[],
    size: (position: number) => number,
    limit = positions.length,
  ): HTMLElement {
    const row = (position: number): HTMLElement =>
      element(
        "li",
        {},
        pathLink(this.#page, position),
        element("span", { class: "number" }, formatSize(size(position))),
      );
    const list = element("ul", { class: "sized" }, ...positions.slice(0, limit).map(row));
    if (positions.length <= limit) return list;
    const more = button(
      `All ${positions.length}`,
      () => {
        list.append(...positions.slice(limit).map(row));
        more.remove();
      },
      { class: "more" },
    );
    return element("div", {}, list, more);
  }
}
