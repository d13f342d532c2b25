import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planLayers } from "@stowage/core";
import { storePathHashPart, storePathName, type StorePath } from "@stowage/nix";
import { drawings, graphOfDrawing, type Drawing } from "../../support/random-graphs.ts";

/** All that a position reaches one way, itself left out. */
function reachedFrom(start: number, next: (position: number) => Iterable<number>): Set<number> {
  const reached = new Set<number>();
  const waiting = [start];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const other of next(at)) if (!reached.has(other)) waiting.push((reached.add(other), other));
  }
  reached.delete(start);
  return reached;
}

/** nixpkgs' algorithm by its words, on sets, with nothing shared and nothing saved. */
function autoByDefinition({ sizes, references }: Drawing, limit: number): Set<string> {
  const positions = [...sizes.keys()];
  const needs = (position: number): readonly number[] => references[position] as readonly number[];
  const users = (position: number): number[] => positions.filter((user) => needs(user).includes(position));
  let split: Set<number>[] = positions.map(() => new Set());
  const key = (set: ReadonlySet<number>): string => [...set].toSorted((a, b) => a - b).join(" ");
  const largest = positions.toSorted((a, b) => (sizes[b] as number) - (sizes[a] as number) || b - a);
  for (const primary of largest) {
    const next = split.map((set) => new Set(set));
    next[primary] = new Set([primary]);
    const dependencies = reachedFrom(primary, needs);
    const dependents = reachedFrom(primary, users);
    for (const dependency of dependencies) {
      const set = next[dependency] as Set<number>;
      for (const dependent of dependents) set.delete(dependent);
      if (![...set].some((member) => dependencies.has(member))) set.add(primary);
    }
    if (new Set(next.map(key)).size > limit) break;
    split = next;
  }
  const layers = new Map<string, number[]>();
  for (const position of positions) {
    const set = key(split[position] as Set<number>);
    layers.set(set, [...(layers.get(set) ?? []), position]);
  }
  return new Set([...layers.values()].map((layer) => layer.join(" ")));
}

describe("auto", () => {
  test("has the layers that nixpkgs' algorithm has, on random graphs", () => {
    fc.assert(
      fc.property(
        drawings({ maxPaths: 14, cyclic: false }),
        fc.integer({ min: 1, max: 8 }),
        (drawing, limit) => {
          const graph = graphOfDrawing(drawing);
          const plan = planLayers(graph, { strategy: "auto", maxLayers: limit + 1, otherLayers: 1 });
          const layers = plan.layers.map((layer) =>
            layer
              .map((path) => graph.positionOf(path) as number)
              .toSorted((a, b) => a - b)
              .join(" "),
          );
          expect(new Set(layers)).toEqual(autoByDefinition(drawing, limit));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("puts layers above what they depend on, and sorts paths by name, then hash", () => {
    fc.assert(
      fc.property(
        drawings({ maxPaths: 14, cyclic: false, names: fc.constantFrom("a", "b", "c") }),
        (drawing) => {
          const graph = graphOfDrawing(drawing);
          const { layers } = planLayers(graph, { strategy: "auto", maxLayers: 6, otherLayers: 1 });
          const closureSize = (layer: readonly StorePath[]): number => {
            const starts = layer.map((path) => graph.positionOf(path) as number);
            const closure = new Set(
              starts.flatMap((start) => [
                start,
                ...reachedFrom(start, (position) => drawing.references[position] as readonly number[]),
              ]),
            );
            return [...closure].reduce((sum, position) => sum + (drawing.sizes[position] as number), 0);
          };
          const sizes = layers.map(closureSize);
          expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
          for (const layer of layers) {
            const keys = layer.map((path) => `${storePathName(path)} ${storePathHashPart(path)}`);
            expect(keys).toEqual(keys.toSorted());
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
