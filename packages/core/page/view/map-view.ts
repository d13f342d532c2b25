import { reach } from "../model/chains.ts";
import type { ClosureModel } from "../model/closure-model.ts";
import { buildTree, positionsIn, type MapNode } from "../model/map-tree.ts";
import { findMatches } from "../model/search.ts";
import { formatCount, formatShare, formatSize, hueOf } from "../model/words.ts";
import { hide, isolate, shownPositions, stepBack, type Selection, type State } from "../state.ts";
import { button, element } from "./element.ts";
import { hasHeader, isOpen, layOut, neighbour, type Box } from "./map-layout.ts";
import type { Page } from "./path-link.ts";
import { Tooltip } from "./tooltip.ts";

const directions = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" } as const;

/** The treemap. One box of it takes part in the order of tabs; from there arrows lead to the others. */
export class MapView {
  readonly element: HTMLElement;
  readonly #page: Page;
  readonly #canvas: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #tooltip = new Tooltip();
  #tree: MapNode | undefined;
  #boxes = new Map<string, Box>();
  #tiles = new Map<string, HTMLElement>();
  /** The box in the order of tabs. */
  #current: string | undefined;

  constructor(page: Page) {
    this.#page = page;
    this.#canvas = element("div", {
      class: "map",
      attributes: { role: "group", "aria-label": "Map of sizes", "aria-describedby": "map-keys" },
    });
    this.#empty = element("div", { class: "empty map-empty" });
    this.element = element("div", { class: "map-frame" }, this.#canvas, this.#empty, this.#tooltip.element);
    this.#listen();
    page.store.subscribe((state, before) => this.#update(state, before));
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
  }

  #update(state: State, before: State): void {
    const isOther = (key: keyof State): boolean => state[key] !== before[key];
    if (
      this.#tree === undefined ||
      ["grouping", "basis", "hidden", "isolated"].some((key) => isOther(key as keyof State))
    ) {
      const shown = shownPositions(state, this.#page.model.positions);
      this.#tree = buildTree(this.#page.model, { ...state, shown });
      this.#canvas.hidden = shown.size === 0;
      this.#empty.hidden = shown.size > 0;
      if (shown.size === 0)
        this.#empty.replaceChildren(
          element("p", {}, "Everything is hidden."),
          button("Show all", () => this.#page.store.update({ hidden: new Set(), isolated: [] })),
        );
      this.#draw();
      return;
    }
    if (["query", "selection", "colour"].some((key) => isOther(key as keyof State))) this.#mark(state);
    if (isOther("tab")) this.#tooltip.hide();
  }

  #draw(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (this.#tree === undefined || width === 0 || height === 0) return;
    this.#tooltip.hide();
    const boxes = layOut(this.#tree, width, height);
    const hadFocus = this.#canvas.contains(document.activeElement);
    const tiles = new Map<string, HTMLElement>();
    for (const box of boxes) {
      const { key } = box.data;
      const tile = this.#tiles.get(key) ?? this.#makeTile(box.data);
      this.#place(tile, box, { width, height });
      tiles.set(key, tile);
    }
    for (const [key, tile] of this.#tiles) if (!tiles.has(key)) tile.remove();
    this.#canvas.append(...[...tiles].filter(([key]) => !this.#tiles.has(key)).map(([, tile]) => tile));
    this.#boxes = new Map(boxes.map((box) => [box.data.key, box]));
    this.#tiles = tiles;
    this.#makeCurrent(tiles.has(this.#current ?? "") ? this.#current : boxes[0]?.data.key, hadFocus);
    this.#mark(this.#page.store.state);
  }

  #makeTile(node: MapNode): HTMLElement {
    const tile = element(
      "button",
      { attributes: { type: "button", tabindex: "-1", "data-key": node.key } },
      element("span", { class: "tile-name" }),
      element("span", { class: "tile-size" }),
    );
    const { model } = this.#page;
    const name = node.position === undefined ? node.label : model.name(node.position);
    if (node.kind !== "layer") tile.style.setProperty("--hue", String(hueOf(name)));
    return tile;
  }

  #place(tile: HTMLElement, box: Box, map: { readonly width: number; readonly height: number }): void {
    const { style } = tile;
    // As shares of the map, so that it fits a sheet of paper too, which is laid out without a word to scripts.
    style.left = percent(box.x0, map.width);
    style.top = percent(box.y0, map.height);
    style.width = percent(box.x1 - box.x0, map.width);
    style.height = percent(box.y1 - box.y0, map.height);
    style.zIndex = String(box.depth);
    const open = isOpen(box);
    const label = labelOf(box, this.#page.model);
    tile.className = `tile ${open ? "frame" : "leaf"} ${box.data.kind} ${roomFor(box, open, label)}`;
    const [name, size] = tile.children;
    const { layer } = box.data;
    if (name !== undefined) name.textContent = label;
    if (layer?.kept === false) tile.classList.add("sent");
    if (size !== undefined) size.textContent = formatSize(box.value ?? 0);
    tile.setAttribute("aria-label", describeBox(box, this.#page.model).join(", "));
  }

  /** What search, selection and colours say of each box. */
  #mark(state: State): void {
    const { model } = this.#page;
    const matches = findMatches(model, state.query);
    const { change } = model.columns;
    for (const [key, tile] of this.#tiles) {
      const box = this.#boxes.get(key);
      if (box === undefined) continue;
      const { position } = box.data;
      const isHit = matches !== undefined && position !== undefined && matches.has(position);
      const holdsHit =
        isHit || (matches !== undefined && positionsIn(box.data).some((each) => matches.has(each)));
      tile.classList.toggle("hit", isHit);
      tile.classList.toggle("off", matches !== undefined && !holdsHit);
      tile.setAttribute("aria-pressed", String(isSelected(box.data, state.selection)));
      if (position !== undefined && change !== undefined && !isOpen(box))
        tile.dataset["change"] = change[position] ?? "same";
    }
    this.#canvas.classList.toggle("by-change", state.colour === "change");
  }

  #makeCurrent(key: string | undefined, focus: boolean): void {
    this.#tiles.get(this.#current ?? "")?.setAttribute("tabindex", "-1");
    this.#current = key;
    const tile = this.#tiles.get(key ?? "");
    tile?.setAttribute("tabindex", "0");
    if (focus && document.activeElement !== tile) tile?.focus({ preventScroll: true });
  }

  #listen(): void {
    const canvas = this.#canvas;
    canvas.addEventListener("pointermove", (event) => {
      const box = event.pointerType === "touch" ? undefined : this.#boxOf(event.target);
      if (box === undefined) this.#tooltip.hide();
      else this.#showTooltip(box, { x: event.clientX, y: event.clientY });
    });
    canvas.addEventListener("pointerleave", () => this.#tooltip.hide());
    canvas.addEventListener("focusin", ({ target }) => {
      const box = this.#boxOf(target);
      if (box === undefined) return;
      this.#makeCurrent(box.data.key, false);
      const tile = this.#tiles.get(box.data.key);
      if (tile === undefined || !tile.matches(":focus-visible")) return;
      const { left, top, width, height } = tile.getBoundingClientRect();
      this.#showTooltip(box, { x: left + Math.min(width, 60), y: top + Math.min(height, 20) });
    });
    canvas.addEventListener("focusout", () => this.#tooltip.hide());
    canvas.addEventListener("click", ({ target }) => {
      const box = this.#boxOf(target);
      if (box !== undefined) this.#page.store.update({ selection: selectionOf(box) });
    });
    canvas.addEventListener("dblclick", ({ target }) => this.#isolateBox(this.#boxOf(target)));
    canvas.addEventListener("keydown", (event) => this.#onKey(event));
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const box = this.#boxOf(event.target);
    if (box === undefined) return;
    if (event.key in directions) {
      const next = neighbour(this.#boxes.values(), box, directions[event.key as keyof typeof directions]);
      if (next !== undefined) this.#makeCurrent(next.data.key, true);
    } else if (event.key === "h") {
      this.#page.store.update(hide(this.#page.store.state, positionsIn(whole(box).data)));
    } else if (event.key === "i") {
      this.#isolateBox(box);
    } else if (event.key === "Escape") {
      this.#page.store.update(stepBack(this.#page.store.state));
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** What is in a box; of a path with nothing in it, the path with what it needs. */
  #isolateBox(box: Box | undefined): void {
    if (box === undefined) return;
    const { model, store } = this.#page;
    const { data } = whole(box);
    const { position, label, children } = data;
    const change =
      position === undefined || children !== undefined
        ? isolate(store.state, label, positionsIn(data))
        : isolate(
            store.state,
            `${label} and what it needs`,
            reach([position], (each) => model.references(each)),
          );
    store.update(change);
  }

  #boxOf(target: EventTarget | null): Box | undefined {
    const tile = target instanceof Element ? target.closest<HTMLElement>(".tile") : null;
    return this.#boxes.get(tile?.dataset["key"] ?? "");
  }

  #showTooltip(box: Box, at: { readonly x: number; readonly y: number }): void {
    const [title = "", ...lines] = describeBox(box, this.#page.model);
    this.#tooltip.show([element("strong", {}, title), ...lines.map((line) => element("div", {}, line))], at);
  }
}

function percent(part: number, whole: number): string {
  return `${(100 * part) / whole}%`;
}

/** What stands in a box: what the name of the box around it says already is left out. */
function labelOf(box: Box, model: ClosureModel): string {
  const { layer, label, position } = box.data;
  if (layer !== undefined) return box.x1 - box.x0 < 76 ? String(layer.number) : label;
  const { parent } = box;
  const isNamedAbove = parent !== null && parent.data.kind === "package" && hasHeader(parent);
  if (!isNamedAbove || position === undefined) return label;
  return label.slice(model.name(position).length).trimStart() || label;
}

/** As wide as a letter is in the middle, in pixels. */
const LETTER = 7;
/** Letters that say something of a longer name. */
const LEAST_LETTERS = 5;

/** What of a box's name and size there is room for, as a class. */
function roomFor(box: Box, open: boolean, label: string): string {
  const [width, height] = [box.x1 - box.x0, box.y1 - box.y0];
  if (open) return hasHeader(box) ? (width < 140 ? "one-line" : "") : "bare";
  if (width < 12 + LETTER * Math.min(LEAST_LETTERS, label.length) || height < 15) return "bare";
  if (height < 36 || width < 72) return "one-line";
  return width > 170 && height > 80 ? "large" : "";
}

/** The box around a path's own bytes stands for the path. */
function whole(box: Box): Box {
  return box.data.kind === "own" && box.parent !== null ? box.parent : box;
}

function selectionOf(box: Box): Selection {
  const { position, label } = box.data;
  return position === undefined
    ? { kind: "group", label, positions: positionsIn(box.data) }
    : { kind: "path", position };
}

function isSelected({ kind, position, label }: MapNode, selection: Selection | undefined): boolean {
  if (selection?.kind === "path") return kind === "path" && position === selection.position;
  return selection !== undefined && position === undefined && label === selection.label;
}

/** What is to be said of a box, the most important first. */
function describeBox(box: Box, model: ClosureModel): string[] {
  const { position, label, kind } = box.data;
  const value = box.value ?? 0;
  const parent = box.parent;
  const root = box.ancestors().at(-1);
  const inside =
    kind === "package" || kind === "layer" ? [formatCount(positionsIn(box.data).length, "path")] : [];
  const sizes =
    position === undefined
      ? [formatSize(value)]
      : [
          `${formatSize(model.narSize(position))} NAR`,
          `${formatSize(model.addedSize(position))} added`,
          `${formatSize(model.closureSize(position))} closure`,
        ];
  const ofAll = `${formatShare(value, root?.value ?? 0)} of all that is shown`;
  const ofParent =
    parent === null || parent === root
      ? []
      : [`${formatShare(value, parent.value ?? 0)} of ${parent.data.label}`];
  const { kept } = box.data.layer ?? {};
  const change = position === undefined ? undefined : model.columns.change?.[position];
  return [
    label,
    ...inside,
    sizes.join(" · "),
    ...ofParent,
    ofAll,
    ...(position === undefined || model.layer(position) === -1
      ? []
      : [model.layerLabel(model.layer(position))]),
    ...(kept === undefined ? [] : [kept ? "kept by an upgrade" : "sent by an upgrade"]),
    ...(change === undefined || change === "same" ? [] : [change]),
  ];
}
