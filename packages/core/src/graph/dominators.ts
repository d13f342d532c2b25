import type { ClosureGraph } from "./closure-graph.ts";

/** Above every root: what a path that no other path dominates is dominated by. */
export const VIRTUAL_ROOT = -1;
/** The place of a path that no root reaches. */
export const UNREACHED = -2;

/** Which path every chain from the roots to a path must pass, the nearest one. */
export interface DominatorTree {
  /** For each position its immediate dominator, {@link VIRTUAL_ROOT} or {@link UNREACHED}. */
  readonly immediate: Int32Array;
  /** The positions that the roots reach, each after its immediate dominator. */
  readonly order: Int32Array;
}

/**
 * Dominators under a virtual root above all roots, by the simple form of Lengauer and Tarjan's algorithm (1979): with
 * m references among n paths O(m log n), whatever the graph's shape. Reference cycles are allowed. No recursion.
 */
export function findDominators(graph: ClosureGraph): DominatorTree {
  const { vertex, numberOf, parent } = searchDepthFirst(graph);
  const count = vertex.length;
  const forest = new Forest(count);
  const { semi } = forest;
  const dominator = new Int32Array(count);
  const bucket = new Int32Array(count).fill(-1);
  const nextInBucket = new Int32Array(count).fill(-1);
  const isRoot = new Uint8Array(graph.infos.length);
  for (const root of graph.roots) isRoot[root] = 1;

  // Numbers are those of the search; 0 is the virtual root.
  for (let number = count - 1; number > 0; number--) {
    const position = vertex[number] as number;
    if (isRoot[position] === 1) semi[number] = 0;
    for (const referrer of graph.referrers[position] as readonly number[]) {
      const before = numberOf[referrer] as number;
      if (before !== -1)
        semi[number] = Math.min(semi[number] as number, semi[forest.lowest(before)] as number);
    }
    const half = semi[number] as number;
    nextInBucket[number] = bucket[half] as number;
    bucket[half] = number;
    const above = parent[number] as number;
    forest.link(above, number);
    for (let each = bucket[above] as number; each !== -1; each = nextInBucket[each] as number) {
      const lowest = forest.lowest(each);
      dominator[each] = (semi[lowest] as number) < (semi[each] as number) ? lowest : above;
    }
    bucket[above] = -1;
  }

  const immediate = new Int32Array(graph.infos.length).fill(UNREACHED);
  for (let number = 1; number < count; number++) {
    const candidate = dominator[number] as number;
    if (candidate !== semi[number]) dominator[number] = dominator[candidate] as number;
    immediate[vertex[number] as number] = vertex[dominator[number] as number] as number;
  }
  return { immediate, order: vertex.subarray(1) };
}

interface Search {
  /** Positions in the order of first visits; the virtual root is first. */
  readonly vertex: Int32Array;
  /** For each position its place in that order, -1 for what is not reached. */
  readonly numberOf: Int32Array;
  /** For each place in the order the place it was visited from. */
  readonly parent: Int32Array;
}

function searchDepthFirst({ infos, roots, references }: ClosureGraph): Search {
  const vertex = new Int32Array(infos.length + 1);
  const numberOf = new Int32Array(infos.length).fill(-1);
  const parent = new Int32Array(infos.length + 1);
  const nextEdge = new Uint32Array(infos.length + 1);
  vertex[0] = VIRTUAL_ROOT;
  let count = 1;
  const path = [0];
  for (let number = path.at(-1); number !== undefined; number = path.at(-1)) {
    const targets = number === 0 ? roots : (references[vertex[number] as number] as readonly number[]);
    const edge = nextEdge[number] as number;
    nextEdge[number] = edge + 1;
    const target = targets[edge];
    if (target === undefined) {
      path.pop();
    } else if (numberOf[target] === -1) {
      numberOf[target] = count;
      parent[count] = number;
      vertex[count] = target;
      path.push(count++);
    }
  }
  return { vertex: vertex.subarray(0, count), numberOf, parent: parent.subarray(0, count) };
}

/** The forest of visited edges, which answers for the lowest semidominator on the way up, compressing ways as it goes. */
class Forest {
  readonly semi: Int32Array;
  readonly #ancestor: Int32Array;
  readonly #label: Int32Array;
  readonly #way: number[] = [];

  constructor(count: number) {
    this.semi = Int32Array.from({ length: count }, (_, number) => number);
    this.#label = this.semi.slice();
    this.#ancestor = new Int32Array(count).fill(-1);
  }

  link(above: number, number: number): void {
    this.#ancestor[number] = above;
  }

  lowest(number: number): number {
    if (this.#ancestor[number] === -1) return this.#label[number] as number;
    this.#compress(number);
    return this.#label[number] as number;
  }

  #compress(number: number): void {
    const way = this.#way;
    let each = number;
    for (let above = this.#ancestor[each] as number; this.#ancestor[above] !== -1;) {
      way.push(each);
      each = above;
      above = this.#ancestor[each] as number;
    }
    for (let below = way.pop(); below !== undefined; below = way.pop()) {
      const above = this.#ancestor[below] as number;
      const candidate = this.#label[above] as number;
      if ((this.semi[candidate] as number) < (this.semi[this.#label[below] as number] as number)) {
        this.#label[below] = candidate;
      }
      this.#ancestor[below] = this.#ancestor[above] as number;
    }
  }
}
