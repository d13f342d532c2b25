import { describe, expect, test } from "vitest";
import {
  adviseCuts,
  computeSizes,
  diffClosures,
  exportGraph,
  findDuplicates,
  loadClosure,
  shortestChain,
  takeChains,
  treeRows,
} from "@stowage/core";
import { asJson, asRegistration, generateClosure } from "../../bench/closure-generator.ts";

/** Every analysis over more paths than a desktop system's closure has, held against searches on a sample. */
describe("a closure of 20,000 paths", { timeout: 240_000 }, () => {
  const paths = generateClosure(20_000);
  const load = async (text: string) => (await loadClosure({ targets: [], text, environment: {} })).graph;

  test("is read from text and JSON alike, and every analysis is right on it", async () => {
    const graph = await load(asRegistration(paths));
    const count = graph.infos.length;
    expect(count).toBe(20_000);
    const fromJson = await load(asJson(paths));
    expect(fromJson.references).toEqual(graph.references);

    const reachedFrom = (starts: readonly number[], without?: number, edge?: readonly [number, number]) => {
      const reached = new Set(starts.filter((start) => start !== without));
      for (const position of reached) {
        for (const to of graph.references[position]!) {
          if (to !== without && !(position === edge?.[0] && to === edge[1])) reached.add(to);
        }
      }
      return reached;
    };
    const sizeOf = (positions: Iterable<number>): number =>
      [...positions].reduce((sum, position) => sum + graph.infos[position]!.narSize, 0);

    const { closureSize, addedSize, total } = computeSizes(graph);
    const [root] = graph.roots as [number];
    expect([addedSize[root], closureSize[root]]).toEqual([total, total]);
    for (let position = 7; position < count; position += 997) {
      expect(closureSize[position]).toBe(sizeOf(reachedFrom([position])));
      expect(addedSize[position]).toBe(total - sizeOf(reachedFrom(graph.roots, position)));
    }

    const cuts = adviseCuts(graph, { depth: count });
    for (const { from, to, saves } of cuts.filter((_, index) => index % 997 === 0)) {
      const edge = [graph.positionOf(from)!, graph.positionOf(to)!] as const;
      expect(saves).toBe(total - sizeOf(reachedFrom(graph.roots, undefined, edge)));
    }

    const edges = graph.references.reduce((sum, references) => sum + references.length, 0);
    expect([...treeRows(graph)]).toHaveLength(1 + edges);
    expect(exportGraph(graph, "dot").match(/ -> /g)).toHaveLength(edges);
    expect(findDuplicates(graph).length).toBeGreaterThan(100);
    expect(diffClosures(graph, fromJson).totals).toMatchObject({ delta: 0, unchangedPaths: count });

    const lowest = graph.positionOf(paths[0]!.path as never)!;
    const shortest = shortestChain(graph, graph.roots, [lowest])!;
    const { chains, complete } = await takeChains(graph, { from: graph.roots, to: [lowest], limit: 500 });
    expect(complete).toBe(false);
    expect(chains[0]).toEqual(shortest);
    expect(new Set(chains.map((chain) => chain.join())).size).toBe(500);
  });
});
