import type { Closure, PathInfo, StorePath } from "@stowage/nix";

/**
 * The reference graph of a closure. A path is its position in `infos` (sorted by path), so that analyses run on
 * arrays. Self-references are kept apart: they are in no edge list.
 */
export interface ClosureGraph {
  readonly storeDir: string;
  readonly infos: readonly PathInfo[];
  /** Positions of the roots, in the order they were asked for. */
  readonly roots: readonly number[];
  /** For each path the positions it refers to, ascending, itself left out. */
  readonly references: readonly (readonly number[])[];
  /** For each path the positions that refer to it, ascending, itself left out. */
  readonly referrers: readonly (readonly number[])[];
  /** Whether the path refers to itself. */
  readonly selfReference: readonly boolean[];
  positionOf(path: StorePath): number | undefined;
}

/** Builds the graph. The closure's invariants (complete, sorted, no repetition) hold by its type. */
export function buildGraph(closure: Closure): ClosureGraph {
  const positions = new Map(closure.paths.map((info, position) => [info.path, position]));
  const positionOf = (path: StorePath): number | undefined => positions.get(path);
  const references: number[][] = [];
  const referrers: number[][] = closure.paths.map(() => []);
  const selfReference: boolean[] = [];
  for (const [position, info] of closure.paths.entries()) {
    // Paths are sorted, and references too: their positions ascend.
    const targets = info.references.map((path) => positions.get(path) as number);
    const self = targets.indexOf(position);
    selfReference.push(self !== -1);
    const others = self === -1 ? targets : targets.toSpliced(self, 1);
    references.push(others);
    for (const target of others) referrers[target]?.push(position);
  }
  const roots = closure.roots.map((path) => positions.get(path) as number);
  return {
    storeDir: closure.storeDir,
    infos: closure.paths,
    roots,
    references,
    referrers,
    selfReference,
    positionOf,
  };
}

/** What the store knows of the path at a position. */
export function infoAt(graph: ClosureGraph, position: number): PathInfo {
  return graph.infos[position] as PathInfo;
}
