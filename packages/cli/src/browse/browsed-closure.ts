import type { Chain, ClosureGraph, Sizes } from "@stowage/core";
import { allChains, computeSizes, shortestChain } from "@stowage/core/explain";
import { shortName } from "../render/store-path.ts";

export const sortings = ["added", "closure", "size", "name"] as const;

/** What comes first: the largest added size, closure or NAR, or names in order. */
export type Sorting = (typeof sortings)[number];

/** A closure with all that browsing asks of it, by position in the graph. */
export interface BrowsedClosure {
  readonly graph: ClosureGraph;
  readonly sizes: Sizes;
  /** What follows the hash of each path, safe for a terminal. */
  readonly names: readonly string[];
  /** For each sorting the place of each position. */
  readonly ranks: Readonly<Record<Sorting, Int32Array>>;
}

export function browseClosure(graph: ClosureGraph): BrowsedClosure {
  const sizes = computeSizes(graph);
  const names = graph.infos.map(({ path }) => shortName(path));
  const largestFirst = (size: Float64Array): Int32Array =>
    rank(names, (a, b) => (size[b] as number) - (size[a] as number));
  return {
    graph,
    sizes,
    names,
    ranks: {
      added: largestFirst(sizes.addedSize),
      closure: largestFirst(sizes.closureSize),
      size: largestFirst(sizes.narSize),
      name: rank(names, () => 0),
    },
  };
}

/** The place of each position; what compares equal goes by name, then in path order. */
function rank(names: readonly string[], compare: (a: number, b: number) => number): Int32Array {
  const byName = (a: number, b: number): number =>
    (names[a] as string) < (names[b] as string) ? -1 : names[a] === names[b] ? a - b : 1;
  const order = names.map((_, position) => position).toSorted((a, b) => compare(a, b) || byName(a, b));
  const ranks = new Int32Array(names.length);
  for (const [place, position] of order.entries()) ranks[position] = place;
  return ranks;
}

export function inOrder(
  { ranks }: BrowsedClosure,
  positions: readonly number[],
  sorting: Sorting,
): readonly number[] {
  const places = ranks[sorting];
  return positions.toSorted((a, b) => (places[a] as number) - (places[b] as number));
}

/** The positions whose name has a text in it, in whatever case, or whose path begins with it after the store's folder. */
export function matching({ graph, names }: BrowsedClosure, text: string): readonly number[] {
  const wanted = text.toLowerCase();
  const start = text.startsWith(`${graph.storeDir}/`) ? text : `${graph.storeDir}/${text}`;
  return names
    .map((_, position) => position)
    .filter(
      (position) =>
        (names[position] as string).toLowerCase().includes(wanted) ||
        graph.infos[position]?.path.startsWith(start) === true,
    );
}

/** The shortest chain of references from a target to a position. */
export function chainTo({ graph }: BrowsedClosure, position: number): readonly number[] {
  return positionsOf(graph, shortestChain(graph, graph.roots, [position]) ?? []);
}

/** The first so many chains from the targets to a position, the shortest first, and whether those are all. */
export function chainsTo(
  { graph }: BrowsedClosure,
  position: number,
  limit: number,
): { readonly chains: readonly (readonly number[])[]; readonly complete: boolean } {
  const chains: (readonly number[])[] = [];
  for (const chain of allChains(graph, graph.roots, [position])) {
    if (chains.length >= limit) return { chains, complete: false };
    chains.push(positionsOf(graph, chain));
  }
  return { chains, complete: true };
}

function positionsOf(graph: ClosureGraph, chain: Chain): readonly number[] {
  return chain.map((path) => graph.positionOf(path) as number);
}
