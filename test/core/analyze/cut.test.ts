import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { adviseCuts } from "@stowage/core";
import { graphOf } from "../../support/graphs.ts";
import {
  drawings,
  graphOfDrawing,
  reachedWithout,
  sizeOf,
  type Drawing,
} from "../../support/random-graphs.ts";

/** Takes each reference out and looks what is still reached. */
function cutsByTrying(drawing: Drawing): { from: number; to: number; saves: number; paths: number }[] {
  const reached = reachedWithout(drawing, drawing.roots);
  return [...reached].flatMap((from) =>
    (drawing.references[from] as readonly number[]).flatMap((to) => {
      const left = reachedWithout(drawing, drawing.roots, { edge: [from, to] });
      const saves = sizeOf(drawing, reached) - sizeOf(drawing, left);
      return saves === 0 ? [] : [{ from, to, saves, paths: reached.size - left.size }];
    }),
  );
}

describe("what a reference's removal saves", () => {
  test("is what is no longer reached without it, on random graphs with cycles", () => {
    fc.assert(
      fc.property(drawings({ maxPaths: 12 }), (drawing) => {
        const graph = graphOfDrawing(drawing);
        const cuts = adviseCuts(graph, { depth: 100 });
        const positions = cuts.map(({ from, to, saves, paths }) => ({
          from: graph.positionOf(from),
          to: graph.positionOf(to),
          saves,
          paths,
        }));
        expect(new Set(positions.map((cut) => JSON.stringify(cut)))).toEqual(
          new Set(cutsByTrying(drawing).map((cut) => JSON.stringify(cut))),
        );
        expect(cuts.map(({ saves }) => saves)).toEqual(
          cuts.map(({ saves }) => saves).toSorted((a, b) => b - a),
        );
      }),
      { numRuns: 3000 },
    );
  });

  const graph = graphOf(
    {
      app: ["python", "curl"],
      python: ["tcl", "libc"],
      tcl: ["x11"],
      x11: ["libc"],
      curl: ["libc"],
      libc: [],
    },
    { python: 50, tcl: 20, x11: 7, curl: 3, libc: 30 },
  );
  const describeCuts = (depth: number | undefined): string[] =>
    adviseCuts(graph, { depth }).map(
      ({ from, to, saves, depth: at }) => `${at} ${from.slice(44)} -> ${to.slice(44)} ${saves}`,
    );

  test("an edge's savings, largest first; what two lead to is saved by neither", () => {
    expect(describeCuts(undefined)).toEqual([
      "0 app -> python 77",
      "1 python -> tcl 27",
      "2 tcl -> x11 7",
      "0 app -> curl 3",
    ]);
  });

  test("no deeper than asked", () => {
    expect(describeCuts(0)).toEqual(["0 app -> python 77", "0 app -> curl 3"]);
  });
});
