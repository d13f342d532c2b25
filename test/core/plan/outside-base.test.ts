import { expect, test } from "vitest";
import { planLayers } from "@stowage/core";
import { modelChanges } from "../../../packages/core/src/plan/expected/change-model.ts";
import { outsideBase } from "../../../packages/core/src/plan/outside-base.ts";
import { graphOf, names, storePathOf } from "../../support/graphs.ts";

const graph = graphOf({ app: ["tool", "lib"], tool: ["lib", "tool"], lib: ["libc"], libc: ["libc"] });
const outside = (...inBase: readonly string[]) => outsideBase(graph, new Set(inBase.map(storePathOf)));

test("what the base has is left out, with all that leads to it", () => {
  const left = outside("lib", "libc");
  expect(names(left).toSorted()).toEqual(["app", "tool"]);
  expect(left.roots.map((root) => left.infos[root]?.path)).toEqual([storePathOf("app")]);
  expect(left.infos.flatMap(({ references }) => references).toSorted()).toEqual(
    [storePathOf("tool"), storePathOf("tool")].toSorted(),
  );
  expect(outside()).toBe(graph);
});

test("where the base has the roots, what nothing else refers to stands for them", () => {
  const left = outside("app", "lib");
  expect(left.roots.map((root) => names(left)[root])).toHaveLength(2);
  expect(new Set(left.roots.map((root) => names(left)[root]))).toEqual(new Set(["tool", "libc"]));
});

test("a base that has everything leaves nothing to plan, in any way", () => {
  const left = outside("app", "tool", "lib", "libc");
  expect(modelChanges(left).units).toEqual([]);
  for (const strategy of ["expected", "popularity", "auto", "single", "per-path"] as const)
    expect(planLayers(left, { strategy, otherLayers: 9 }).layers).toEqual([]);
});

test("paths of the base take no room of layers that are kept", () => {
  const previous = [["tool"], ["app"]].map((layer) => layer.map(storePathOf));
  const left = outside("lib", "libc");
  expect(planLayers(left, { previous, maxLayers: 3, otherLayers: 1 }).layers).toEqual(previous);
});
