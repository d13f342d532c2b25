import type { StorePath } from "@stowage/nix";
import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";

/** One line of the closure as a tree. */
export interface TreeRow {
  readonly path: StorePath;
  /** 0 for a root. */
  readonly depth: number;
  /** For each step from the root whether it is the last of its siblings, the row's own last: what lines to draw. */
  readonly lastOf: readonly boolean[];
  /** Whether the path stood further up already, with what it refers to; it is not opened again. */
  readonly repeated: boolean;
  /** References that are not shown below this row because of the depth limit. */
  readonly hidden: number;
}

/** How deep the tree is, and how a path's references are ordered. */
export interface TreeOptions {
  /** Steps below the roots that are shown; default all. */
  readonly depth?: number | undefined;
  /** Orders the references of a path; default path order. */
  readonly compare?: ((a: number, b: number) => number) | undefined;
}

/**
 * The closure as a tree from its roots, row by row. Each path is opened once, where it first stands; where it stands
 * again it is marked as repeated (a path without references is the same in both places and never marked).
 */
export function* treeRows(graph: ClosureGraph, options: TreeOptions = {}): Generator<TreeRow> {
  const { depth: limit = Number.POSITIVE_INFINITY, compare = (a: number, b: number) => a - b } = options;
  const opened = new Uint8Array(graph.infos.length);
  const waiting: { readonly position: number; readonly lastOf: readonly boolean[] }[] = [];
  const push = (positions: readonly number[], lastOf: readonly boolean[]): void => {
    for (let index = positions.length - 1; index >= 0; index--) {
      waiting.push({
        position: positions[index] as number,
        lastOf: [...lastOf, index === positions.length - 1],
      });
    }
  };
  push(graph.roots, []);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { position, lastOf } = next;
    const references = graph.references[position] as readonly number[];
    const repeated = opened[position] === 1 && references.length > 0;
    const depth = lastOf.length - 1;
    const isOpen = !repeated && depth < limit;
    const hidden = repeated || isOpen ? 0 : references.length;
    yield { path: infoAt(graph, position).path, depth, lastOf, repeated, hidden };
    if (!isOpen) continue;
    opened[position] = 1;
    push(references.toSorted(compare), lastOf);
  }
}
