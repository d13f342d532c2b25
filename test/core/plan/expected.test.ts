import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planLayers, type ChangeHistory, type ClosureGraph } from "@stowage/core";
import { storePathName } from "@stowage/nix";
import { generateGraph } from "../../bench/upgrades/graphs.ts";
import { modelChanges } from "../../../packages/core/src/plan/expected/change-model.ts";
import { graphOf } from "../../support/graphs.ts";
import { drawings, graphOfDrawing } from "../../support/random-graphs.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

function plan(graph: ClosureGraph, storeLayers: number, history?: ChangeHistory): string[][] {
  const { layers } = planLayers(graph, {
    strategy: "expected",
    maxLayers: storeLayers + 1,
    otherLayers: 1,
    history,
  });
  return layers.map((layer) => layer.map((path) => storePathName(path)).toSorted());
}

const histories = fc.option(
  fc.record({
    releases: fc.nat(100),
    changes: fc
      .dictionary(fc.constantFrom("a", "b", "c"), fc.nat(120))
      .map((counts) => new Map(Object.entries(counts))),
  }),
  { nil: undefined },
);

describe("expected", () => {
  test("one model serves who plans and who describes, and another history gets another", () => {
    const graph = graphOf({ "app-1": ["lib-1"], "lib-1": [] });
    const history = { releases: 10, changes: new Map([["lib", 9]]) };
    const model = modelChanges(graph);
    expect(modelChanges(graph)).toBe(model);
    expect(modelChanges(graph, history).weights).not.toEqual(model.weights);
    expect(modelChanges(graph).weights).toEqual(model.weights);
  });

  test("loses no path, doubles none, keeps to the limit, on graphs of any shape", () => {
    fc.assert(
      fc.property(
        drawings({ maxPaths: 30, names: fc.constantFrom("a-1", "b-2", "c", "c-dev") }),
        fc.integer({ min: 1, max: 12 }),
        histories,
        (drawing, limit, history) => {
          const graph = graphOfDrawing(drawing);
          const { layers } = planLayers(graph, {
            strategy: "expected",
            maxLayers: limit + 1,
            otherLayers: 1,
            history,
          });
          expect(layers.flat().toSorted()).toEqual(graph.infos.map(({ path }) => path));
          expect(layers.length).toBeLessThanOrEqual(limit);
          for (const layer of layers) {
            expect(layer.length).toBeGreaterThan(0);
            expect(layer).toEqual(layer.toSorted());
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("loses no path of a large closure", () => {
    const graph = generateGraph(1500, 4);
    const layers = plan(graph, 100);
    expect(layers).toHaveLength(100);
    expect(layers.flat().toSorted()).toEqual(graph.infos.map(({ path }) => storePathName(path)).toSorted());
  });

  test("decides the same whatever order the closure came in", () => {
    const names = ["app", "python", "curl", "openssl", "glibc", "zlib"];
    const references = {
      app: ["python", "curl"],
      python: ["openssl", "zlib", "glibc"],
      curl: ["openssl", "glibc"],
      openssl: ["glibc"],
      zlib: ["glibc"],
      glibc: ["glibc"],
    } as Record<string, string[]>;
    const sizes = {
      app: KIB,
      python: 50 * MIB,
      curl: MIB,
      openssl: 6 * MIB,
      zlib: 100 * KIB,
      glibc: 30 * MIB,
    };
    const first = plan(graphOf(references, sizes), 3);
    fc.assert(
      fc.property(fc.shuffledSubarray(names, { minLength: names.length }), (order) => {
        const shuffled = Object.fromEntries(
          order.map((name) => [name, (references[name] ?? []).toReversed()]),
        );
        expect(plan(graphOf(shuffled, sizes), 3)).toEqual(first);
      }),
    );
  });

  test("a release of nothing but the application keeps every other layer", () => {
    const graph = (release: string): ClosureGraph =>
      graphOf(
        {
          [`app-${release}`]: ["node", "openssl", "tool"],
          node: ["openssl", "libc"],
          tool: ["libc"],
          openssl: ["libc"],
          libc: ["libc"],
        },
        { [`app-${release}`]: 9 * KIB, node: 100 * MIB, tool: MIB, openssl: 6 * MIB, libc: 30 * MIB },
      );
    const [before, after] = [plan(graph("1.0"), 4), plan(graph("1.1"), 4)];
    const known = new Set(before.map((layer) => layer.join()));
    expect(after.filter((layer) => !known.has(layer.join()))).toEqual([["app-1.1"]]);
  });

  test("a huge path drags no small ones along, small ones waste no layers", () => {
    const small = Array.from({ length: 40 }, (_, index) => `small${String(index).padStart(2, "0")}`);
    const graph = graphOf(
      {
        app: [...small, "huge"],
        huge: ["libc"],
        ...Object.fromEntries(small.map((name) => [name, ["libc"]])),
        libc: [],
      },
      {
        app: 20 * KIB,
        huge: 500 * MIB,
        libc: 30 * MIB,
        ...Object.fromEntries(small.map((name) => [name, 4 * KIB])),
      },
    );
    const layers = plan(graph, 60);
    expect(layers).toContainEqual(["huge"]);
    expect(layers).toContainEqual(["libc"]);
    // Two small ones fill the smallest tar there is; three would send more than each alone.
    expect(layers).toHaveLength(23);
    const few = plan(graph, 6);
    for (const alone of ["huge", "libc", "app"]) expect(few).toContainEqual([alone]);
  });

  test("what seldom changes is at the bottom, the root at the top", () => {
    const layers = plan(generateGraph(60, 2), 25);
    expect(layers.at(-1)).toContain("app-1.0");
    expect(layers[0]?.some((name) => name.startsWith("libc-"))).toBe(true);
  });

  test("a history tells packages apart that look the same", () => {
    const graph = graphOf(
      { app: ["left-1", "right-1", "libc-2"], "left-1": ["libc-2"], "right-1": ["libc-2"], "libc-2": [] },
      { app: 200 * KIB, "left-1": 40 * MIB, "right-1": 40 * MIB, "libc-2": 30 * MIB },
    );
    const history = (often: string): ChangeHistory => ({ releases: 50, changes: new Map([[often, 45]]) });
    expect(plan(graph, 3, history("left"))).toEqual([["libc-2", "right-1"], ["left-1"], ["app"]]);
    expect(plan(graph, 3, history("right"))).toEqual([["left-1", "libc-2"], ["right-1"], ["app"]]);
    expect(plan(graph, 4).every((layer) => layer.length === 1)).toBe(true);
  });

  test("derivers, which differ between stores, change nothing", () => {
    const graph = generateGraph(60, 3);
    const derived: ClosureGraph = {
      ...graph,
      infos: graph.infos.map((info) => ({
        ...info,
        deriver: `/nix/store/${"0".repeat(32)}-${storePathName(info.path).replace(/-.*/, "")}.drv`,
      })),
    };
    expect(plan(derived, 10)).toEqual(plan(graph, 10));
  });
});
