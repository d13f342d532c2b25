import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CoreError, layeringStrategyNames, planLayers, type LayeringStrategyName } from "@stowage/core";
import { graphOf } from "../../support/graphs.ts";

const chain = (length: number): Record<string, string[]> =>
  Object.fromEntries(
    Array.from({ length }, (_, index) => [`p${index}`, index === 0 ? [] : [`p${index - 1}`]]),
  );

describe("every strategy", () => {
  test.each(layeringStrategyNames)("%s loses no path, doubles none, and keeps to the limit", (strategy) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 150 }), fc.integer({ min: 2, max: 125 }), (length, maxLayers) => {
        const graph = graphOf(chain(length));
        const plan = planLayers(graph, { strategy, maxLayers, otherLayers: 1 });
        expect(plan.layers.flat().toSorted()).toEqual(graph.infos.map((info) => info.path));
        expect(plan.layers.length + 1).toBeLessThanOrEqual(maxLayers);
        expect(plan.layers.every((layer) => layer.length > 0)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test.each(layeringStrategyNames)(
    "%s decides the same whatever the order the closure came in",
    (strategy) => {
      const references = { app: ["lib", "libc"], lib: ["libc"], libc: ["libc"], tool: ["libc"] };
      const reversed = Object.fromEntries(Object.entries(references).toReversed());
      const plan = (given: Record<string, string[]>) =>
        planLayers(graphOf(given), { strategy, maxLayers: 3, otherLayers: 1 });
      expect(plan(references)).toEqual(plan(reversed));
    },
  );
});

describe("limits", () => {
  const graph = graphOf(chain(200));

  test("at most 100 layers when nothing is said, the last one counted", () => {
    expect(planLayers(graph, { strategy: "popularity", otherLayers: 1 }).layers).toHaveLength(99);
  });

  test("layers of a base are counted", () => {
    expect(planLayers(graph, { strategy: "popularity", otherLayers: 61 }).layers).toHaveLength(39);
  });

  test.each([0, 1, 126, 2.5, Number.NaN])("--max-layers %s is refused", (maxLayers) => {
    expect(() => planLayers(graph, { maxLayers, otherLayers: 1 })).toThrow(CoreError);
  });

  test("an unknown strategy is refused", () => {
    expect(() => planLayers(graph, { strategy: "toString" as LayeringStrategyName, otherLayers: 1 })).toThrow(
      /toString/,
    );
  });
});

describe("single and per-path", () => {
  test("single has one layer", () => {
    expect(planLayers(graphOf(chain(10)), { strategy: "single", otherLayers: 1 }).layers).toHaveLength(1);
  });

  test("per-path puts dependencies below, and where layers are few lets the smallest share", () => {
    const sizes = { p0: 5, p1: 900, p2: 10, p3: 800 };
    const plan = planLayers(graphOf(chain(4), sizes), { strategy: "per-path", maxLayers: 4, otherLayers: 1 });
    expect(plan.layers.map((layer) => layer.map((path) => path.slice(44)))).toEqual([
      ["p1"],
      ["p3"],
      ["p0", "p2"],
    ]);
  });
});
