import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { computeSizes, findDominators } from "@stowage/core";
import { drawings, graphOfDrawing, reachedWithout, sizeOf } from "../../support/random-graphs.ts";

const runs = { numRuns: 3000 };

describe("sizes against brute force on random graphs", () => {
  test("the closure size is the size of all that is reached", () => {
    fc.assert(
      fc.property(drawings(), (drawing) => {
        const { closureSize } = computeSizes(graphOfDrawing(drawing));
        const expected = drawing.sizes.map((_, position) =>
          sizeOf(drawing, reachedWithout(drawing, [position])),
        );
        expect([...closureSize]).toEqual(expected);
      }),
      runs,
    );
  });

  test("the closure size is right over more paths than fit one walk", () => {
    fc.assert(
      fc.property(drawings({ maxPaths: 120 }), (drawing) => {
        const { closureSize } = computeSizes(graphOfDrawing(drawing));
        const expected = drawing.sizes.map((_, position) =>
          sizeOf(drawing, reachedWithout(drawing, [position])),
        );
        expect([...closureSize]).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  test("the added size is what is no longer reached when the path is not entered", () => {
    fc.assert(
      fc.property(drawings({ maxPaths: 14 }), (drawing) => {
        const { addedSize } = computeSizes(graphOfDrawing(drawing));
        const whole = sizeOf(drawing, reachedWithout(drawing, drawing.roots));
        const expected = drawing.sizes.map(
          (_, position) => whole - sizeOf(drawing, reachedWithout(drawing, drawing.roots, { position })),
        );
        expect([...addedSize]).toEqual(expected);
      }),
      runs,
    );
  });

  test("sizes are exact beyond 32 bits", () => {
    const drawing = { sizes: [2 ** 52, 2 ** 51 + 1], references: [[1], []], roots: [0], names: ["a", "b"] };
    const { closureSize, addedSize, total } = computeSizes(graphOfDrawing(drawing));
    expect([...closureSize]).toEqual([2 ** 52 + 2 ** 51 + 1, 2 ** 51 + 1]);
    expect([...addedSize]).toEqual([...closureSize]);
    expect(total).toBe(2 ** 52 + 2 ** 51 + 1);
  });
});

describe("dominators", () => {
  test("are those that no chain from the roots avoids, on random graphs with cycles", () => {
    fc.assert(
      fc.property(drawings({ maxPaths: 12 }), (drawing) => {
        const { immediate, order } = findDominators(graphOfDrawing(drawing));
        const reached = reachedWithout(drawing, drawing.roots);
        expect(new Set(order)).toEqual(reached);
        for (const position of drawing.sizes.keys()) {
          const chain: number[] = [];
          for (let above = immediate[position] as number; above >= 0; above = immediate[above] as number) {
            chain.push(above);
          }
          const expected = [...reached].filter(
            (other) =>
              other !== position &&
              reached.has(position) &&
              !reachedWithout(drawing, drawing.roots, { position: other }).has(position),
          );
          expect(new Set(chain)).toEqual(new Set(expected));
        }
      }),
      runs,
    );
  });

  test("a chain of 100,000 paths does not exhaust the stack", () => {
    const count = 100_000;
    const references = Array.from({ length: count }, (_, position) => (position === 0 ? [] : [position - 1]));
    const drawing = {
      sizes: references.map(() => 1),
      references,
      roots: [count - 1],
      names: references.map(() => "p"),
    };
    const graph = {
      ...graphOfDrawing({ ...drawing, sizes: [1], references: [[]], roots: [0] }),
      infos: references.map(() => ({ narSize: 1 })),
      references,
      referrers: references.map((_, position) => (position === count - 1 ? [] : [position + 1])),
      roots: drawing.roots,
    } as unknown as Parameters<typeof findDominators>[0];
    const { immediate } = findDominators(graph);
    expect(immediate[0]).toBe(1);
    expect(immediate[count - 1]).toBe(-1);
  });
});
