import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findDuplicates } from "@stowage/core";
import {
  drawings,
  graphOfDrawing,
  reachedWithout,
  sizeOf,
  type Drawing,
} from "../../support/random-graphs.ts";

const names = fc.constantFrom("a-1.0", "a-1.0.1", "a-1.0-dev", "b-2", "b", "b-2pre", "c-0");

/** Package, version and output of the names above, by hand. */
const meanings: Readonly<Record<string, readonly [name: string, version: string, output: string]>> = {
  "a-1.0": ["a", "1.0", "out"],
  "a-1.0.1": ["a", "1.0.1", "out"],
  "a-1.0-dev": ["a", "1.0", "dev"],
  "b-2": ["b", "2", "out"],
  b: ["b", "", "out"],
  "b-2pre": ["b", "2pre", "out"],
  "c-0": ["c", "0", "out"],
};
/** Oldest first, by hand. */
const ages = ["", "2pre", "2", "0", "1.0", "1.0.1"];

const age = (drawing: Drawing, position: number): number =>
  ages.indexOf(meanings[drawing.names[position] as string]?.[1] as string);

/** The drawing with one copy in place of the others. */
function redirected(drawing: Drawing, kept: number, others: readonly number[]): Drawing {
  const place = (position: number): number => (others.includes(position) ? kept : position);
  return {
    ...drawing,
    references: drawing.references.map((references) => references.map(place)),
    roots: drawing.roots.map(place),
  };
}

describe("duplicates on random graphs with cycles", () => {
  test("are groups of one package and output, and save what redirecting their references loses", () => {
    fc.assert(
      fc.property(drawings({ maxPaths: 12, names }), (drawing) => {
        const graph = graphOfDrawing(drawing);
        const groups = new Map<string, number[]>();
        for (const [position, name] of drawing.names.entries()) {
          const [packageName, , output] = meanings[name] as (typeof meanings)[string];
          const key = `${packageName} ${output}`;
          groups.set(key, [...(groups.get(key) ?? []), position]);
        }
        const reached = reachedWithout(drawing, drawing.roots);
        const expected = [...groups]
          .filter(([, members]) => members.length > 1)
          .map(([key, members]) => {
            const [kept, ...others] = members.toSorted(
              (a, b) =>
                age(drawing, b) - age(drawing, a) ||
                (drawing.sizes[b] as number) - (drawing.sizes[a] as number) ||
                a - b,
            ) as [number, ...number[]];
            const merged = redirected(drawing, kept, others);
            const left = reachedWithout(merged, merged.roots);
            return {
              key,
              kept,
              wasted: sizeOf(drawing, others),
              saves: sizeOf(
                drawing,
                [...reached].filter((position) => !left.has(position)),
              ),
            };
          });
        const found = findDuplicates(graph).map(({ name, output, copies, wasted, saves }) => ({
          key: `${name} ${output}`,
          kept: graph.positionOf(copies.find(({ keep }) => keep)!.path),
          wasted,
          saves,
        }));
        const byKey = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : 1);
        expect(found.toSorted(byKey)).toEqual(expected.toSorted(byKey));
        expect(found.map(({ saves }) => saves)).toEqual(
          found.map(({ saves }) => saves).toSorted((a, b) => b - a),
        );
      }),
      { numRuns: 3000 },
    );
  });

  test("each copy comes with the branches that bring it", () => {
    fc.assert(
      fc.property(drawings({ maxPaths: 10, names }), (drawing) => {
        const graph = graphOfDrawing(drawing);
        const direct = new Set(
          drawing.roots.flatMap((root) =>
            (drawing.references[root] as readonly number[]).filter((to) => to !== root),
          ),
        );
        for (const { copies } of findDuplicates(graph)) {
          for (const { path, branches, chain } of copies) {
            const position = graph.positionOf(path) as number;
            const expected = [...direct].filter(
              (branch) => !drawing.roots.includes(branch) && reachedWithout(drawing, [branch]).has(position),
            );
            if (drawing.roots.includes(position)) expected.push(position);
            expect(branches.map((branch) => graph.positionOf(branch))).toEqual(
              expected.toSorted((a, b) => a - b),
            );
            expect(chain.length > 0).toBe(reachedWithout(drawing, drawing.roots).has(position));
            if (chain.length > 0) expect(chain.at(-1)).toBe(path);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("many groups at once: more than one walk takes", () => {
    const groups = 70;
    const positions = [...Array(groups * 2).keys()];
    const drawing: Drawing = {
      sizes: [1, ...positions.map((position) => position + 1)],
      references: [positions.map((position) => position + 1), ...positions.map(() => [])],
      roots: [0],
      names: ["app", ...positions.map((position) => `lib${position >> 1}-${position & 1}`)],
    };
    const found = findDuplicates(graphOfDrawing(drawing));
    expect(found).toHaveLength(groups);
    expect(found.every(({ saves, wasted }) => saves === wasted)).toBe(true);
    // Version 1 is kept; version 0 of the last pair is the largest of those that go.
    expect(found[0]).toMatchObject({ name: "lib69", versions: ["0", "1"], saves: 139 });
  });
});
