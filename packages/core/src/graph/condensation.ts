import type { ClosureGraph } from "./closure-graph.ts";

/**
 * The graph with each reference cycle drawn together to one component: never cyclic. Nix makes no cycles besides
 * self-references, but a closure that was read from a text may hold some.
 *
 * Components are numbered dependencies first: an edge always leads to a lower number.
 */
export interface Condensation {
  readonly count: number;
  /** The component of each position. */
  readonly componentOf: Uint32Array;
  /** Component `c` refers to `targets[offsets[c]]` up to before `targets[offsets[c + 1]]`, without repetition. */
  readonly offsets: Uint32Array;
  readonly targets: Uint32Array;
}

/** Finds the components with Tarjan's algorithm (1972), with a stack of its own in place of recursion. */
export function condense(graph: Pick<ClosureGraph, "references">): Condensation {
  const { count, componentOf, members } = findComponents(graph.references);
  const offsets = new Uint32Array(count + 1);
  const targets: number[] = [];
  const seenFrom = new Int32Array(count).fill(-1);
  let member = 0;
  for (let component = 0; component < count; component++) {
    seenFrom[component] = component;
    for (; member < members.length && componentOf[members[member] as number] === component; member++) {
      for (const reference of graph.references[members[member] as number] as readonly number[]) {
        const target = componentOf[reference] as number;
        if (seenFrom[target] === component) continue;
        seenFrom[target] = component;
        targets.push(target);
      }
    }
    offsets[component + 1] = targets.length;
  }
  return { count, componentOf, offsets, targets: Uint32Array.from(targets) };
}

interface Components {
  readonly count: number;
  readonly componentOf: Uint32Array;
  /** All positions, component after component. */
  readonly members: Uint32Array;
}

function findComponents(references: ClosureGraph["references"]): Components {
  const size = references.length;
  /** The order of first visits, from 1; 0 is not visited. */
  const visited = new Uint32Array(size);
  const low = new Uint32Array(size);
  const nextEdge = new Uint32Array(size);
  const placed = new Uint8Array(size);
  const componentOf = new Uint32Array(size);
  const members = new Uint32Array(size);
  const open: number[] = [];
  const path: number[] = [];
  let visits = 0;
  let count = 0;
  let memberCount = 0;

  const enter = (position: number): void => {
    visited[position] = low[position] = ++visits;
    open.push(position);
    path.push(position);
  };
  const leave = (position: number): void => {
    path.pop();
    const above = path.at(-1);
    if (above !== undefined) low[above] = Math.min(low[above] as number, low[position] as number);
    if (low[position] !== visited[position]) return;
    let member: number;
    do {
      member = open.pop() as number;
      placed[member] = 1;
      componentOf[member] = count;
      members[memberCount++] = member;
    } while (member !== position);
    count++;
  };

  for (let start = 0; start < size; start++) {
    if (visited[start] !== 0) continue;
    enter(start);
    for (let position = path.at(-1); position !== undefined; position = path.at(-1)) {
      const edge = nextEdge[position] as number;
      const target = (references[position] as readonly number[])[edge];
      if (target === undefined) {
        leave(position);
        continue;
      }
      nextEdge[position] = edge + 1;
      if (visited[target] === 0) enter(target);
      else if (placed[target] === 0)
        low[position] = Math.min(low[position] as number, visited[target] as number);
    }
  }
  return { count, componentOf, members };
}
