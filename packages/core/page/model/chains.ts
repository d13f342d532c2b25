import type { ClosureModel } from "./closure-model.ts";

/** Paths, each referring to the next, from a root on. */
export type PathChain = readonly number[];

/**
 * Why a path is there: for each path that refers to it the shortest chain from a root, the shortest first; a root is there as it was
 * asked for. Without a path's own branches nothing repeats: each chain differs in its last step.
 */
export function whyChains(model: ClosureModel, position: number): PathChain[] {
  const parents = searchFromRoots(model, position);
  const chains: PathChain[] = model.isRoot[position] ? [[position]] : [];
  for (const referrer of model.referrers[position] ?? []) {
    if (parents[referrer] === UNSEEN) continue;
    const chain = [position];
    for (let each = referrer; each !== START; each = parents[each] ?? START) chain.push(each);
    chains.push(chain.toReversed());
  }
  return chains.toSorted((a, b) => a.length - b.length);
}

const START = -1;
const UNSEEN = -2;

/** For each position the one it was reached from, breadth first; one position is not passed. */
function searchFromRoots(model: ClosureModel, without: number): Int32Array {
  const parents = new Int32Array(model.count).fill(UNSEEN);
  const queue: number[] = [];
  const visit = (position: number, from: number): void => {
    if (position === without || parents[position] !== UNSEEN) return;
    parents[position] = from;
    queue.push(position);
  };
  for (const root of model.data.roots) visit(root, START);
  for (const position of queue) for (const target of model.references(position)) visit(target, position);
  return parents;
}

/** A path and all that the closure has for its sake alone. */
export function behind(model: ClosureModel, position: number): Set<number> {
  const within = Map.groupBy(model.positions, (each) => model.columns.dominator[each] ?? START);
  return reach([position], (each) => within.get(each) ?? []);
}

/** All that some paths lead to in one direction, themselves included. */
export function reach(starts: readonly number[], step: (position: number) => readonly number[]): Set<number> {
  const reached = new Set(starts);
  for (const position of reached) for (const next of step(position)) reached.add(next);
  return reached;
}
