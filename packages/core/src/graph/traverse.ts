import type { ClosureGraph } from "./closure-graph.ts";

/** `graph.references` to go towards dependencies, `graph.referrers` to go towards the roots. */
export type Direction = readonly (readonly number[])[];

/** Whether each position can be reached from a start (1) or not (0); a start reaches itself. */
export function reachable(direction: Direction, starts: Iterable<number>): Uint8Array {
  const marks = new Uint8Array(direction.length);
  const waiting: number[] = [];
  const visit = (position: number): void => {
    if (marks[position] === 1) return;
    marks[position] = 1;
    waiting.push(position);
  };
  for (const start of starts) visit(start);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const target of direction[next] as readonly number[]) visit(target);
  }
  return marks;
}

/**
 * The number of steps from the nearest start to each position, -1 where no start reaches it.
 * @param avoided positions that may not be entered
 */
export function distances(
  direction: Direction,
  starts: Iterable<number>,
  avoided?: ReadonlySet<number>,
): Int32Array {
  const steps = new Int32Array(direction.length).fill(-1);
  const queue: number[] = [];
  const visit = (position: number, distance: number): void => {
    if (steps[position] !== -1 || avoided?.has(position) === true) return;
    steps[position] = distance;
    queue.push(position);
  };
  for (const start of starts) visit(start, 0);
  // The array grows while it is walked: it is the queue.
  for (const position of queue) {
    const distance = (steps[position] as number) + 1;
    for (const target of direction[position] as readonly number[]) visit(target, distance);
  }
  return steps;
}

/** The shortest chains of references from some starts. */
export interface Chains {
  /** The shortest chain to a position, both ends included; undefined where there is none. */
  to(position: number): number[] | undefined;
  /** The shortest chain to any of the positions. */
  toNearest(positions: readonly number[]): number[] | undefined;
}

/**
 * Searches breadth first. Of several shortest chains the answer is the first in path order, compared from the start:
 * starts and references are visited in ascending order, so what is found first is the first.
 */
export function chainsFrom(graph: ClosureGraph, starts: readonly number[]): Chains {
  const size = graph.infos.length;
  const parent = new Int32Array(size).fill(-1);
  const found = new Int32Array(size).fill(-1);
  const queue: number[] = [];
  const visit = (position: number, from: number): void => {
    if (found[position] !== -1) return;
    found[position] = queue.length;
    parent[position] = from;
    queue.push(position);
  };
  for (const start of starts.toSorted((a, b) => a - b)) visit(start, -1);
  for (const position of queue) {
    for (const target of graph.references[position] as readonly number[]) visit(target, position);
  }
  const to = (position: number): number[] | undefined => {
    if (found[position] === -1) return undefined;
    const chain: number[] = [];
    for (let each = position; each !== -1; each = parent[each] as number) chain.push(each);
    return chain.toReversed();
  };
  return {
    to,
    toNearest(positions) {
      const places = positions.map((position) => found[position] as number).filter((place) => place !== -1);
      return places.length === 0 ? undefined : to(queue[Math.min(...places)] as number);
    },
  };
}
