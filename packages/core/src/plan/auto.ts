import { storePathHashPart, storePathName } from "@stowage/nix";
import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import { reachable } from "../graph/traverse.ts";
import type { LayeringStrategy } from "./layer-plan.ts";

/**
 * The layering of nixpkgs' newer pipeline (`dockerTools`' `auto-layer`): the largest paths, one after the other, become
 * the primary of a layer. A layer is the set of primaries it is for; a path lies with those of its dependents'
 * primaries that no other of them depends on. The last step that keeps to the limit counts.
 */
export const auto: LayeringStrategy = (graph, limits) => {
  const split = new Split(graph.infos.length);
  // Of equal sizes nixpkgs takes the path that sorts last.
  const largestFirst = [...graph.infos.keys()].toSorted(
    (a, b) => infoAt(graph, b).narSize - infoAt(graph, a).narSize || b - a,
  );
  let layers = split.layers();
  for (const primary of largestFirst) {
    split.addPrimary(primary, reachable(graph.references, [primary]), reachable(graph.referrers, [primary]));
    if (split.layerCount > limits.storeLayers) break;
    layers = split.layers();
  }
  return inOrder(graph, layers);
};

/** Which primaries each path lies with. There are few different sets of primaries, so each has a number. */
class Split {
  readonly #setOf: Uint32Array;
  readonly #sets: (readonly number[])[] = [[]];
  readonly #numbers = new Map<string, number>([["", 0]]);
  /** How many paths have each set. */
  readonly #counts: number[];

  constructor(paths: number) {
    this.#setOf = new Uint32Array(paths);
    this.#counts = [paths];
  }

  get layerCount(): number {
    return this.#counts.filter((count) => count > 0).length;
  }

  layers(): Uint32Array {
    return this.#setOf.slice();
  }

  /** Makes one more path a primary. `needed` and `users` mark what it reaches either way, itself included. */
  addPrimary(primary: number, needed: Uint8Array, users: Uint8Array): void {
    const changed = new Map<number, number>();
    for (const [position, before] of this.#setOf.entries()) {
      if (needed[position] === 0) continue;
      if (position === primary) {
        this.#move(position, this.#numberOf([primary]));
        continue;
      }
      let after = changed.get(before);
      if (after === undefined) {
        const others = (this.#sets[before] as readonly number[]).filter((each) => users[each] === 0);
        const isCovered = others.some((each) => needed[each] === 1);
        after = this.#numberOf(isCovered ? others : [...others, primary].toSorted((a, b) => a - b));
        changed.set(before, after);
      }
      this.#move(position, after);
    }
  }

  #move(position: number, set: number): void {
    const before = this.#setOf[position] as number;
    this.#counts[before] = (this.#counts[before] as number) - 1;
    this.#counts[set] = (this.#counts[set] as number) + 1;
    this.#setOf[position] = set;
  }

  #numberOf(set: readonly number[]): number {
    const key = set.join(" ");
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#sets.push(set) - 1;
    this.#numbers.set(key, number);
    this.#counts.push(0);
    return number;
  }
}

/** Layers above what they depend on: by the size of their closures. Within a layer by name, then hash. */
function inOrder(graph: ClosureGraph, layerOf: Uint32Array): number[][] {
  const layers = new Map<number, number[]>();
  for (const [position, layer] of layerOf.entries()) {
    const others = layers.get(layer);
    if (others === undefined) layers.set(layer, [position]);
    else others.push(position);
  }
  const keys = graph.infos.map(({ path }) => `${storePathName(path)}\0${storePathHashPart(path)}`);
  const byName = (a: number, b: number): number => ((keys[a] as string) < (keys[b] as string) ? -1 : 1);
  const sorted = [...layers.values()].map((layer) => layer.toSorted(byName));
  const closureSizes = new Map(
    sorted.map((layer) => {
      let size = 0;
      const marks = reachable(graph.references, layer);
      for (const [position, mark] of marks.entries()) if (mark === 1) size += infoAt(graph, position).narSize;
      return [layer, size];
    }),
  );
  return sorted.toSorted(
    (a, b) =>
      (closureSizes.get(a) as number) - (closureSizes.get(b) as number) ||
      byName(a[0] as number, b[0] as number),
  );
}
