import type { StorePath } from "@stowage/nix";
import { Breather } from "../breather.ts";
import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import { condense } from "../graph/condensation.ts";
import { chainsFrom, distances } from "../graph/traverse.ts";

/** Store paths, each referring to the next. */
export type Chain = readonly StorePath[];

/**
 * The shortest chain of references from one of the first positions to one of the second; undefined where there is
 * none. Of several shortest ones the first in path order.
 */
export function shortestChain(
  graph: ClosureGraph,
  from: readonly number[],
  to: readonly number[],
): Chain | undefined {
  const chain = chainsFrom(graph, from).toNearest(to);
  return chain && chainPaths(graph, chain);
}

/** The paths of a chain of positions. */
export function chainPaths(graph: ClosureGraph, chain: readonly number[]): StorePath[] {
  return chain.map((position) => infoAt(graph, position).path);
}

/**
 * All chains from one of the first positions to one of the second that pass no path twice, the shortest first, chains
 * of one length in path order. A chain ends at the first of the second positions that it meets.
 *
 * There may be exponentially many, so they come one by one: a step is taken only where a chain lies at its end, and the
 * time until the next chain grows with those that came before, not with those still to come.
 */
export function* allChains(
  graph: ClosureGraph,
  from: readonly number[],
  to: readonly number[],
): Generator<Chain> {
  const search = new ChainSearch(graph, new Set(to));
  const starts = [...new Set(from)].toSorted((a, b) => a - b);
  const shortest = starts.map((start) => search.stepsLeft(start)).filter((steps) => steps !== -1);
  if (shortest.length === 0) return;
  let isComplete = false;
  for (let length = Math.min(...shortest); !isComplete; length++) {
    isComplete = true;
    for (const start of starts) {
      isComplete = (yield* search.chainsOfLength(start, length)) && isComplete;
    }
  }
}

/** Which chains {@link takeChains} takes. */
export interface ChainQuestion {
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The first of {@link allChains}, and whether those are all. However many there are, the signal is heard.
 * @throws the signal's reason when aborted
 */
export async function takeChains(
  graph: ClosureGraph,
  { from, to, limit, signal }: ChainQuestion,
): Promise<{ readonly chains: readonly Chain[]; readonly complete: boolean }> {
  const breather = new Breather(signal);
  const chains: Chain[] = [];
  for (const chain of allChains(graph, from, to)) {
    // One more than the limit says that there are more.
    if (chains.length >= limit) return { chains, complete: false };
    chains.push(chain);
    await breather.breathe();
  }
  return { chains, complete: true };
}

class ChainSearch {
  readonly #graph: ClosureGraph;
  readonly #to: ReadonlySet<number>;
  readonly #left: Int32Array;
  /** Positions on a reference cycle, where a chain may cut its own way off. */
  readonly #onCycle: readonly boolean[];

  constructor(graph: ClosureGraph, to: ReadonlySet<number>) {
    this.#graph = graph;
    this.#to = to;
    this.#left = distances(graph.referrers, to);
    const { count, componentOf } = condense(graph);
    const members = new Uint32Array(count);
    for (const component of componentOf) members[component] = (members[component] as number) + 1;
    this.#onCycle = Array.from(componentOf, (component) => (members[component] as number) > 1);
  }

  stepsLeft(position: number): number {
    return this.#left[position] as number;
  }

  /** Yields the chains of exactly so many steps; returns whether there are no longer ones. */
  *chainsOfLength(start: number, length: number): Generator<Chain, boolean> {
    const chain = [start];
    const onChain = new Set(chain);
    const nextEdge = [0];
    let isComplete = true;
    if (this.#left[start] === -1) return true;
    while (chain.length > 0) {
      const position = chain.at(-1) as number;
      const steps = chain.length - 1;
      const edge = nextEdge[steps] as number;
      nextEdge[steps] = edge + 1;
      const next = this.#to.has(position) ? undefined : this.#graph.references[position]?.[edge];
      if (this.#to.has(position) && steps === length) yield chainPaths(this.#graph, chain);
      if (next === undefined) {
        chain.pop();
        nextEdge.pop();
        onChain.delete(position);
        continue;
      }
      const left = onChain.has(next) ? -1 : this.#stepsLeftBeside(next, onChain);
      if (left === -1) continue;
      if (steps + 1 + left > length) {
        isComplete = false;
        continue;
      }
      chain.push(next);
      nextEdge.push(0);
      onChain.add(next);
    }
    return isComplete;
  }

  /** The steps from a position to the end that pass none of the chain; where no cycle is, none can. */
  #stepsLeftBeside(position: number, onChain: ReadonlySet<number>): number {
    const left = this.#left[position] as number;
    if (left <= 0 || !this.#onCycle[position]) return left;
    return distances(this.#graph.referrers, this.#to, onChain)[position] as number;
  }
}
