import fc from "fast-check";
import { expect, test } from "vitest";
import { behind, reach, whyChains } from "../../../packages/core/page/model/chains.ts";
import { ClosureModel } from "../../../packages/core/page/model/closure-model.ts";
import { buildTree, positionsIn, type MapNode } from "../../../packages/core/page/model/map-tree.ts";
import { findMatches } from "../../../packages/core/page/model/search.ts";
import { sortPositions } from "../../../packages/core/page/model/table-order.ts";
import {
  formatChange,
  formatDelta,
  formatShare,
  formatSize,
} from "../../../packages/core/page/model/words.ts";
import { describePaths } from "../../../packages/core/src/report/describe-paths.ts";
import type { ClosureGraph } from "@stowage/core";
import { graphOf, names } from "../../support/graphs.ts";
import { drawings, graphOfDrawing, reachedWithout, sizeOf } from "../../support/random-graphs.ts";

/** As the page has it; every second path is in the second of two layers, the first path in none. */
function modelOf(graph: ClosureGraph): ClosureModel {
  const paths = graph.infos.map(({ path }) => path);
  const layers = [0, 1].map((rest) => paths.filter((_, index) => index > 0 && index % 2 === rest));
  const layer = { paths: 0, narSize: 0, size: 0, likelihood: 0, expectedBytes: 0 };
  return new ClosureModel({
    subject: { kind: "closure", name: "test", version: "" },
    storeDir: graph.storeDir,
    roots: graph.roots,
    paths: describePaths(graph, layers, undefined),
    layers: {
      kind: "planned",
      sizes: "tar",
      list: layers.map((_, number) => ({ ...layer, number })),
      totals: { size: 0, expectedBytes: 0 },
    },
    duplicates: [],
  });
}

const weigh = ({ size, children = [] }: MapNode): number =>
  children.reduce((sum, child) => sum + weigh(child), size);
const all = (node: MapNode): MapNode[] => [node, ...(node.children ?? []).flatMap(all)];
const views = fc.record({
  grouping: fc.constantFrom("package" as const, "layer" as const),
  basis: fc.constantFrom("nar" as const, "added" as const),
  hidden: fc.array(fc.nat(9)),
});
const nodeNames = fc.constantFrom("a-1", "a-2", "b-1", "b-1-dev", "c");

test("whatever the view, each shown path is in one box, areas add up, and no two boxes have one key", () => {
  fc.assert(
    fc.property(drawings({ names: nodeNames }), views, (drawing, { grouping, basis, hidden }) => {
      const model = modelOf(graphOfDrawing(drawing));
      const shown = new Set(model.positions.filter((position) => !hidden.includes(position)));
      const tree = buildTree(model, { grouping, basis, shown });
      expect(weigh(tree)).toBe(model.sizeOf(shown));
      expect(positionsIn(tree).toSorted((a, b) => a - b)).toEqual([...shown]);
      const keys = all(tree).map(({ key }) => key);
      expect(new Set(keys).size).toBe(keys.length);
      for (const { kind, children = [] } of all(tree))
        if (kind === "package") expect(children.length).toBeGreaterThan(1);
    }),
  );
});

test("by added size the box of a path has the area that the closure would lose without it", () => {
  fc.assert(
    fc.property(drawings({ names: nodeNames }), (drawing) => {
      const model = modelOf(graphOfDrawing(drawing));
      const reached = reachedWithout(drawing, drawing.roots);
      const tree = buildTree(model, { grouping: "package", basis: "added", shown: new Set(model.positions) });
      for (const node of all(tree).filter(({ kind }) => kind === "path")) {
        const position = node.position as number;
        if (!reached.has(position)) continue;
        const left = reachedWithout(drawing, drawing.roots, { position });
        expect(weigh(node)).toBe(sizeOf(drawing, reached) - sizeOf(drawing, left));
        expect(sizeOf(drawing, behind(model, position))).toBe(weigh(node));
      }
    }),
  );
});

test("a chain of thousands is laid out too", () => {
  const names = Array.from({ length: 5000 }, (_, index) => `p-${index}`);
  const long = graphOf(
    Object.fromEntries(names.map((name, index) => [name, names.slice(index + 1, index + 2)])),
  );
  const model = modelOf(long);
  const shown = new Set(model.positions);
  const tree = buildTree(model, { grouping: "package", basis: "added", shown });
  expect(new Set(positionsIn(tree))).toEqual(shown);
  expect(weigh(tree)).toBe(model.total);
});

test("a why-chain for each referrer that a root reaches, each from a root by references, passing nothing twice, shortest first", () => {
  fc.assert(
    fc.property(drawings(), (drawing) => {
      const model = modelOf(graphOfDrawing(drawing));
      for (const position of model.positions) {
        const chains = whyChains(model, position);
        const reached = reachedWithout(drawing, drawing.roots, { position });
        const referrers = (model.referrers[position] ?? []).filter((each) => reached.has(each));
        const last = chains.filter((chain) => chain.length > 1).map((chain) => chain.at(-2));
        expect(new Set(last)).toEqual(new Set(referrers));
        expect(last).toHaveLength(referrers.length);
        expect(chains.some((chain) => chain.length === 1)).toBe(drawing.roots.includes(position));
        for (const chain of chains) {
          expect(drawing.roots).toContain(chain[0]);
          expect(chain.at(-1)).toBe(position);
          expect(new Set(chain).size).toBe(chain.length);
          for (const [step, each] of chain.slice(1).entries())
            expect(drawing.references[chain[step] as number]).toContain(each);
        }
        expect(chains.map(({ length }) => length)).toEqual(
          chains.map(({ length }) => length).toSorted((a, b) => a - b),
        );
      }
    }),
  );
});

const graph = graphOf(
  {
    "app-1.0": ["curl-8.10", "curl-8.9-lib"],
    "curl-8.10": ["zlib-1"],
    "curl-8.9-lib": ["zlib-1"],
    "zlib-1": [],
  },
  { "app-1.0": 1, "curl-8.10": 20, "curl-8.9-lib": 10, "zlib-1": 5 },
);
const model = modelOf(graph);
const position = (name: string): number => names(graph).indexOf(name);

test("search takes all words, wherever they are, and no word is no search", () => {
  const found = (query: string): string[] | undefined => {
    const matches = findMatches(model, query);
    return matches && [...matches].map((each) => names(graph)[each] as string).toSorted();
  };
  expect(found("CURL 8.1")).toEqual(["curl-8.10"]);
  expect(found("lib")).toEqual(["curl-8.9-lib", "zlib-1"]);
  expect(found("curl zlib")).toEqual([]);
  expect(found(" ")).toBeUndefined();
});

test("rows are in the order of their column; versions as numbers", () => {
  const order = (column: "version" | "nar" | "name", descending: boolean): (string | undefined)[] =>
    sortPositions(model, model.positions, { column, descending }).map((each) => names(graph)[each]);
  expect(order("nar", true)).toEqual(["curl-8.10", "curl-8.9-lib", "zlib-1", "app-1.0"]);
  expect(order("version", false)).toEqual(["zlib-1", "app-1.0", "curl-8.9-lib", "curl-8.10"]);
  expect(order("name", true)[0]).toBe("zlib-1");
});

test("what a path needs, and what is there for its sake", () => {
  expect(reach([position("curl-8.10")], (each) => model.references(each))).toEqual(
    new Set([position("curl-8.10"), position("zlib-1")]),
  );
  expect(behind(model, position("curl-8.10"))).toEqual(new Set([position("curl-8.10")]));
  expect(behind(model, position("app-1.0")).size).toBe(4);
  expect(model.label(position("curl-8.9-lib"))).toBe("curl 8.9 (lib)");
});

test("sizes, shares and versions in words", () => {
  expect([0, 1023, 1024, 1_500_000_000].map(formatSize)).toEqual(
    ["0 B", "1023 B", "1.0 KiB", "1.4 GiB"].map((text) => text.replace(" ", "\u00a0")),
  );
  expect([-2048, 0, 2048].map(formatDelta)).toEqual(["\u22122.0\u00a0KiB", "0\u00a0B", "+2.0\u00a0KiB"]);
  expect([formatShare(1, 8), formatShare(1, 10_000), formatShare(5, 5), formatShare(0, 0)]).toEqual([
    "12.5\u00a0%",
    "<0.1\u00a0%",
    "100\u00a0%",
    "0.0\u00a0%",
  ]);
  expect(formatChange(["1", "2"], ["2", "3"])).toBe("1 \u2192 3");
  expect(formatChange(["1", "2"], ["2"])).toBe("without 1");
  expect(formatChange([], ["1"])).toBe("1");
  expect(formatChange(["1", "2"], ["1", "2", "3"])).toBe("also 3");
});
