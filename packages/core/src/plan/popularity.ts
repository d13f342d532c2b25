import { storePathHashPart, storePathName } from "@stowage/nix";
import { dependenciesFirst } from "../graph/dependencies-first.ts";
import type { ClosureGraph } from "../graph/closure-graph.ts";
import type { LayeringStrategy } from "./layer-plan.ts";

/**
 * The layering of nixpkgs' `dockerTools.streamLayeredImage` (`referencesByPopularity`): the most popular paths get
 * a layer each, what does not fit shares the last one.
 */
export const popularity: LayeringStrategy = (graph, limits) => {
  const contest = popularityContest(graph);
  const key = (position: number): string => {
    const path = (graph.infos[position] as { path: Parameters<typeof storePathName>[0] }).path;
    return `${storePathName(path)}-${storePathHashPart(path)}`;
  };
  const keys = graph.infos.map((_, position) => key(position));
  const ranked = graph.infos
    .map((_, position) => position)
    .toSorted(
      (a, b) =>
        compare(contest[b] as bigint, contest[a] as bigint) || compare(keys[a] as string, keys[b] as string),
    );
  const own = ranked.slice(0, limits.storeLayers - 1).map((position) => [position]);
  const rest = ranked.slice(limits.storeLayers - 1);
  return rest.length === 0 ? own : [...own, rest];
};

/**
 * nixpkgs defines the contest C over a set of paths by recursion: each v of the set gets 1, and each u that C of v's
 * references counts c times gets c + 1; the result is C(unreferenced paths). Unrolled, a path's popularity is the sum,
 * over itself and all that depend on it, of the number of directed paths from a root to them. The sums grow
 * exponentially with depth, hence bigint.
 */
export function popularityContest(graph: ClosureGraph): bigint[] {
  const order = dependenciesFirst(graph).toReversed();
  const pathsFromRoots = graph.infos.map(() => 0n);
  for (const position of order) {
    const referrers = graph.referrers[position] as readonly number[];
    pathsFromRoots[position] =
      referrers.length === 0
        ? 1n
        : referrers.reduce((sum, referrer) => sum + (pathsFromRoots[referrer] as bigint), 0n);
  }
  return graph.infos.map((_, position) => {
    let sum = 0n;
    for (const dependent of selfAndDependents(graph, position)) sum += pathsFromRoots[dependent] as bigint;
    return sum;
  });
}

function selfAndDependents(graph: ClosureGraph, position: number): Set<number> {
  const seen = new Set([position]);
  for (const current of seen)
    for (const referrer of graph.referrers[current] as readonly number[]) seen.add(referrer);
  return seen;
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
