import type { ReportLayer } from "../../src/report/report-data.ts";
import { reach } from "./chains.ts";
import type { ClosureModel } from "./closure-model.ts";

export type Grouping = "package" | "layer";
export type SizeBasis = "nar" | "added";

/** A box of the map. What it holds of its own is its area, with that of all boxes in it. */
export interface MapNode {
  /** Names the same box in each map of the same closure. */
  readonly key: string;
  readonly kind: "all" | "package" | "layer" | "path" | "own";
  readonly label: string;
  /** The layer that it is. */
  readonly layer?: ReportLayer;
  /** The path that it is or stands for. */
  readonly position?: number;
  /** Bytes that are in no box within. */
  readonly size: number;
  readonly children?: readonly MapNode[];
}

/**
 * The boxes of a map. By NAR size each path is a box in its package or layer. By added size a path is a box around all that the closure has
 * for its sake alone (the nearest path that every chain passes is around it), so that areas still add up to the whole.
 */
export function buildTree(
  model: ClosureModel,
  view: { readonly grouping: Grouping; readonly basis: SizeBasis; readonly shown: ReadonlySet<number> },
): MapNode {
  const { grouping, basis, shown } = view;
  const positions = model.positions.filter((position) => shown.has(position));
  const boxes = (of: readonly number[], key: string): MapNode[] =>
    basis === "added"
      ? nestByDominator(model, of, { grouping, key })
      : placeFlat(model, of, { grouping, key });
  const children =
    grouping === "package"
      ? boxes(positions, "")
      : [...Map.groupBy(positions, (position) => model.layer(position))]
          .toSorted(([a], [b]) => a - b)
          .map(([index, paths]): MapNode => {
            const layer = model.data.layers.list[index];
            return {
              key: `layer ${index}`,
              kind: "layer",
              label: model.layerLabel(index),
              ...(layer === undefined ? {} : { layer }),
              size: 0,
              children: boxes(paths, `layer ${index} `),
            };
          });
  return { key: "all", kind: "all", label: "everything", size: 0, children };
}

/** All positions in a box. */
export function positionsIn(node: MapNode): number[] {
  const positions = node.kind === "path" && node.position !== undefined ? [node.position] : [];
  return [...positions, ...(node.children ?? []).flatMap(positionsIn)];
}

interface Placing {
  readonly grouping: Grouping;
  /** What the keys of packages begin with: one may be in several places. */
  readonly key: string;
}

function placeFlat(model: ClosureModel, positions: readonly number[], placing: Placing): MapNode[] {
  const nodes = positions.map((position) => pathNode(model, position, []));
  return placing.grouping === "package" ? groupPackages(nodes, model, placing.key) : nodes;
}

/** Boxes within boxes so deep are too small to be seen, and closures from outside may be a chain of thousands. */
const DEEPEST = 30;

function nestByDominator(model: ClosureModel, positions: readonly number[], { key }: Placing): MapNode[] {
  const among = new Set(positions);
  const within = Map.groupBy(positions, (position) => nearestAbove(model, position, among));
  const inside = (position: number): readonly number[] => within.get(position) ?? [];
  const place = (above: number, prefix: string, depth: number): MapNode[] => {
    const children = inside(above);
    const nodes =
      depth === DEEPEST
        ? [...reach(children, inside)].map((position) => pathNode(model, position, []))
        : children.map((position) =>
            pathNode(model, position, place(position, `in ${position} `, depth + 1)),
          );
    return groupPackages(nodes, model, prefix);
  };
  return place(NOTHING, key, 0);
}

const NOTHING = -1;

/** The nearest of some positions that dominates one. */
function nearestAbove(model: ClosureModel, position: number, among: ReadonlySet<number>): number {
  const { dominator } = model.columns;
  let above = dominator[position] ?? NOTHING;
  while (above >= 0 && !among.has(above)) above = dominator[above] ?? NOTHING;
  return Math.max(above, NOTHING);
}

function pathNode(model: ClosureModel, position: number, children: readonly MapNode[]): MapNode {
  const node = { key: `path ${position}`, kind: "path", label: model.label(position), position } as const;
  const size = model.narSize(position);
  if (children.length === 0) return { ...node, size };
  const own: MapNode = { key: `own ${position}`, kind: "own", label: `${node.label} itself`, position, size };
  return { ...node, size: 0, children: [own, ...children] };
}

/** Boxes of one package that stand side by side share a box. */
function groupPackages(nodes: readonly MapNode[], model: ClosureModel, prefix: string): MapNode[] {
  return [...Map.groupBy(nodes, ({ position = NOTHING }) => model.name(position))].flatMap(([name, group]) =>
    group.length === 1
      ? group
      : [
          {
            key: `package ${prefix}${name}`,
            kind: "package",
            label: name,
            size: 0,
            children: group,
          } satisfies MapNode,
        ],
  );
}
