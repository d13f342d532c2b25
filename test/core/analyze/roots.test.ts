import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { shareRoots } from "@stowage/core";
import { storePathOf, graphOf } from "../../support/graphs.ts";
import { drawings, graphOfDrawing, reachedWithout, sizeOf } from "../../support/random-graphs.ts";

describe("what only a root holds", () => {
  test("is what the other roots do not reach, on random graphs with cycles", () => {
    fc.assert(
      fc.property(drawings({ maxPaths: 12 }), (drawing) => {
        const graph = graphOfDrawing(drawing);
        const whole = reachedWithout(drawing, drawing.roots);
        const shares = shareRoots(graph, new Map());
        for (const share of shares.roots) {
          const root = graph.positionOf(share.path) as number;
          const others = drawing.roots.filter((other) => other !== root);
          const held = reachedWithout(drawing, others);
          expect(share.frees).toBe(sizeOf(drawing, whole) - sizeOf(drawing, held));
          expect(share.freesPaths).toBe(whole.size - held.size);
          const holders = others.filter((other) => reachedWithout(drawing, [other]).has(root));
          expect(share.heldBy.map((path) => graph.positionOf(path))).toEqual(
            holders.toSorted((a, b) => a - b),
          );
        }
        expect(shares.roots).toHaveLength(drawing.roots.length);
        expect(shares.total).toBe(sizeOf(drawing, whole));
      }),
      { numRuns: 3000 },
    );
  });

  test("more roots than one walk takes", () => {
    const references = Object.fromEntries(
      Array.from({ length: 70 }, (_, index) => [
        `root${index}`,
        ["base", ...(index === 0 ? [] : [`own${index}`])],
      ]),
    );
    const owned = Object.fromEntries(Array.from({ length: 69 }, (_, index) => [`own${index + 1}`, []]));
    const graph = graphOf({ ...references, ...owned, base: [] });
    const shares = shareRoots(graph, new Map([[storePathOf("root3"), ["/a/result", "/b/result"]]]));
    expect(shares.roots).toHaveLength(70);
    expect(shares.shared).toBe(100);
    expect(shares.roots.filter(({ frees }) => frees === 200)).toHaveLength(69);
    expect(shares.roots.find(({ path }) => path === storePathOf("root3"))?.links).toEqual([
      "/a/result",
      "/b/result",
    ]);
  });
});
