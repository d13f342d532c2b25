import { hierarchy, treemap, treemapSquarify, type HierarchyRectangularNode } from "d3-hierarchy";
import type { MapNode } from "../model/map-tree.ts";

export type Box = HierarchyRectangularNode<MapNode>;

const HEADER = 19;
const GAP = 2;
/** A box that is smaller has no room for others inside. */
const LEAST_INSIDE = 8;
/** What is smaller is not drawn. */
const LEAST = 2;

/** Whether a box with others in it is large enough for its name above them. */
export function hasHeader(box: Box): boolean {
  return headed.has(box);
}

/** Decided while boxes get their places; those are rounded afterwards. */
const headed = new WeakSet<Box>();

function headerOf(box: Box): number {
  if (box.depth === 0) return 0;
  if (box.children === undefined || box.x1 - box.x0 < 44 || box.y1 - box.y0 < 40) return GAP;
  headed.add(box);
  return HEADER;
}

/** Whether what is in a box is drawn. */
export function isOpen(box: Box): boolean {
  return box.children !== undefined && box.x1 - box.x0 >= LEAST_INSIDE && box.y1 - box.y0 >= LEAST_INSIDE;
}

/** The boxes to draw, each before those in it; the largest first, equal ones in the order of the tree. */
export function layOut(tree: MapNode, width: number, height: number): readonly Box[] {
  const sized = hierarchy(tree, ({ children }) => children as MapNode[] | undefined)
    .sum(({ size }) => size)
    // oxlint-disable-next-line unicorn/no-array-sort -- the method of d3's nodes, which are no array
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  const root = treemap<MapNode>()
    .tile(treemapSquarify.ratio(1.3))
    .size([width, height])
    .round(true)
    .paddingInner(GAP)
    .paddingOuter((box) => (box.depth === 0 ? 0 : isOpen(box) ? GAP : 0))
    .paddingTop(headerOf)(sized);
  const boxes: Box[] = [];
  const collect = (box: Box): void => {
    for (const child of box.children ?? []) {
      if (child.x1 - child.x0 < LEAST || child.y1 - child.y0 < LEAST) continue;
      boxes.push(child);
      if (isOpen(child)) collect(child);
    }
  };
  collect(root);
  return boxes;
}

export type Direction = "left" | "right" | "up" | "down";

/** The box that one comes to from another in a direction: the nearest that begins where that one ends, or beyond. */
export function neighbour(boxes: Iterable<Box>, from: Box, direction: Direction): Box | undefined {
  const start = turn(surface(from), direction);
  let best: Box | undefined;
  let least = Infinity;
  for (const box of boxes) {
    if (box === from || (isOpen(box) && !hasHeader(box))) continue;
    const place = turn(surface(box), direction);
    const gap = place.begin - start.end;
    if (gap < 0) continue;
    const beside = Math.max(place.low - start.high, start.low - place.high, 0);
    const offCentre = Math.abs(place.low + place.high - start.low - start.high);
    const distance = gap + 4 * beside + offCentre / 100;
    if (distance >= least) continue;
    least = distance;
    best = box;
  }
  return best;
}

/** What of a box is its own: of one with others in it the line with its name. */
function surface(box: Box): Pick<Box, "x0" | "x1" | "y0" | "y1"> {
  const { x0, x1, y0, y1 } = box;
  return { x0, x1, y0, y1: isOpen(box) ? y0 + HEADER : y1 };
}

interface Span {
  /** Along the way. */
  readonly begin: number;
  readonly end: number;
  /** Across it. */
  readonly low: number;
  readonly high: number;
}

/** A place as one sees it who goes in a direction. */
function turn({ x0, x1, y0, y1 }: Pick<Box, "x0" | "x1" | "y0" | "y1">, direction: Direction): Span {
  switch (direction) {
    case "left":
      return { begin: -x1, end: -x0, low: y0, high: y1 };
    case "right":
      return { begin: x0, end: x1, low: y0, high: y1 };
    case "up":
      return { begin: -y1, end: -y0, low: x0, high: x1 };
    case "down":
      return { begin: y0, end: y1, low: x0, high: x1 };
  }
}
