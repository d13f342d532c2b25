import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { treeRows } from "@stowage/core";
import { graphOf } from "../../support/graphs.ts";
import { drawings, graphOfDrawing, reachedWithout } from "../../support/random-graphs.ts";

describe("the closure as a tree", () => {
  const graph = graphOf({ app: ["a", "b", "c"], a: ["b"], b: ["c"], c: [] });
  const byName = (a: number, b: number): number =>
    graph.infos[a]!.path.slice(44) < graph.infos[b]!.path.slice(44) ? -1 : 1;
  const draw = (depth?: number): string[] =>
    treeRows(graph, { depth, compare: byName })
      .map(
        ({ path, lastOf, repeated, hidden }) =>
          `${lastOf.map((last) => (last ? "`" : "|")).join("")} ${path.slice(44)}${repeated ? " again" : ""}${hidden > 0 ? ` +${hidden}` : ""}`,
      )
      .toArray();

  test("opens each path once and marks where it stands again", () => {
    expect(draw()).toEqual(["` app", "`| a", "`|` b", "`|`` c", "`| b again", "`` c"]);
  });

  test("says what a depth limit hides; what was not opened is opened later", () => {
    expect(draw(1)).toEqual(["` app", "`| a +1", "`| b +1", "`` c"]);
  });

  test("shows each reference once and ends, on random graphs with cycles", () => {
    fc.assert(
      fc.property(drawings({ maxPaths: 12 }), (drawing) => {
        const rows = [...treeRows(graphOfDrawing(drawing))];
        const reached = reachedWithout(drawing, drawing.roots);
        const edges = [...reached].reduce(
          (sum, position) => sum + drawing.references[position]!.filter((to) => to !== position).length,
          0,
        );
        expect(rows).toHaveLength(drawing.roots.length + edges);
        expect(new Set(rows.map(({ path }) => path)).size).toBe(reached.size);
        expect(new Set(rows.filter(({ repeated }) => !repeated).map(({ path }) => path)).size).toBe(
          reached.size,
        );
      }),
      { numRuns: 1000 },
    );
  });
});
