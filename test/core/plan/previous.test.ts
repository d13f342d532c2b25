import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planLayers, type ClosureGraph } from "@stowage/core";
import { storePathName, type StorePath } from "@stowage/nix";
import { generateGraph } from "../../bench/upgrades/graphs.ts";
import { graphOf } from "../../support/graphs.ts";
import { drawings, graphOfDrawing } from "../../support/random-graphs.ts";

const MIB = 2 ** 20;

function plan(
  graph: ClosureGraph,
  storeLayers: number,
  previous?: readonly (readonly StorePath[])[],
): readonly (readonly StorePath[])[] {
  return planLayers(graph, { maxLayers: storeLayers + 1, otherLayers: 1, previous }).layers;
}

const keyOf = (layer: readonly StorePath[]): string => layer.join("\n");

describe("a plan from a previous one", () => {
  test("keeps what is whole, loses no path, keeps to the limit, whatever the previous layers were", () => {
    fc.assert(
      fc.property(
        drawings({ maxPaths: 20, cyclic: false }),
        fc.array(fc.array(fc.nat(29), { maxLength: 5 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 14 }),
        (drawing, layers, limit) => {
          const graph = graphOfDrawing(drawing);
          const gone = generateGraph(30, 1).infos.map(({ path }) => path);
          const previous = layers.map((layer) =>
            layer.map((number) => graph.infos[number]?.path ?? (gone[number] as StorePath)),
          );
          const planned = plan(graph, limit, previous);
          expect(planned.flat().toSorted()).toEqual(graph.infos.map(({ path }) => path));
          expect(planned.length).toBeLessThanOrEqual(limit);
          // Each path may be kept in one layer; of layers with paths in common the lowest counts.
          const seen = new Set<StorePath>();
          const whole = previous.filter((layer) => {
            const fits =
              layer.length > 0 &&
              new Set(layer).size === layer.length &&
              layer.every((path) => graph.positionOf(path) !== undefined && !seen.has(path));
            if (fits) for (const path of layer) seen.add(path);
            return fits;
          });
          const rest = graph.infos.length - seen.size;
          if (whole.length + Math.min(rest, 1) > limit || whole.length + rest > limit) return;
          expect(planned.slice(0, whole.length).map(keyOf)).toEqual(whole.map(keyOf));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("the same closure keeps its plan, also when the model would now plan another", () => {
    const graph = generateGraph(200, 2);
    const previous = plan(graph, 30);
    expect(plan(graph, 30, previous)).toEqual(previous);
    const shuffled = previous.map((layer) => layer.toReversed());
    expect(plan(graph, 30, shuffled)).toEqual(shuffled);
    expect(plan(graph, 60, previous)).toEqual(previous);
  });

  const app = (release: string, tool: string): ClosureGraph =>
    graphOf(
      {
        [`app-${release}`]: [`tool-${tool}`, "lib-1", "data-1"],
        [`tool-${tool}`]: ["lib-1"],
        "lib-1": [],
        "data-1": [],
      },
      { [`app-${release}`]: 9000, [`tool-${tool}`]: 20 * MIB, "lib-1": 30 * MIB, "data-1": 2 * MIB },
    );
  const names = (layers: readonly (readonly StorePath[])[]): string[] =>
    layers.map((layer) => layer.map((path) => storePathName(path)).join(" "));

  test("what changed is planned into the layers that are free; kept ones are at the bottom", () => {
    const before = plan(app("1", "1"), 4);
    const after = plan(app("2", "2"), 4, before);
    expect(names(after).slice(0, 2).toSorted()).toEqual(["data-1", "lib-1"]);
    expect(names(after).slice(2)).toEqual(["tool-2", "app-2"]);
  });

  test("where the limit forces it the cheapest layers merge", () => {
    const before = [["data-1"], ["lib-1"], ["tool-1"], ["app-1"]].map(([name]) =>
      app("1", "1")
        .infos.filter(({ path }) => storePathName(path) === name)
        .map(({ path }) => path),
    );
    const after = names(plan(app("2", "1"), 3, before));
    // 30 MiB and 20 MiB stay where they are: the 2 MiB move, with what moves anyway.
    expect(after.slice(0, 2)).toEqual(["lib-1", "tool-1"]);
    expect(after).toHaveLength(3);
  });

  test("other strategies keep nothing, and say so", () => {
    const previous = plan(app("1", "1"), 4);
    const request = { maxLayers: 5, otherLayers: 1, previous };
    expect(() => planLayers(app("1", "1"), { ...request, strategy: "popularity" })).toThrow(
      "--previous changes nothing with --layering popularity",
    );
  });
});

describe("a given plan", () => {
  const graph = graphOf({ app: ["lib"], lib: [], tool: [] });
  const all = plan(graph, 3);
  const given = (layers: readonly (readonly StorePath[])[], maxLayers = 9) =>
    planLayers(graph, { given: layers, maxLayers, otherLayers: 1 });

  test("is taken as it is", () => {
    const reversed = all.map((layer) => layer.toReversed()).toReversed();
    expect(given(reversed)).toEqual({ strategy: "given", layers: reversed });
  });

  test.each([
    ["misses a path", all.slice(1), / is in no layer/],
    ["has one twice", [...all, all[0] ?? []], / is in it twice/],
    [
      "has one more",
      [
        ...all,
        generateGraph(30, 1)
          .infos.slice(0, 1)
          .map(({ path }) => path),
      ],
      / is not in the closure/,
    ],
  ])("that %s does not fit", (_, layers, message) => {
    expect(() => given(layers)).toThrow(message);
  });

  test("with too many layers does not fit", () => {
    const single = graph.infos.map(({ path }) => [path]);
    expect(() => given(single, 3)).toThrow("it has 3 layers, and there is room for 2");
  });
});
