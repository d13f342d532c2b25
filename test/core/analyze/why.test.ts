import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allChains, findPaths, shortestChain, takeChains, type ClosureGraph } from "@stowage/core";
import { storePathHashPart, storePathName } from "@stowage/nix";
import { graphOf } from "../../support/graphs.ts";
import { allChainsByTrying, drawings, graphOfDrawing, type Drawing } from "../../support/random-graphs.ts";

const pathsOf = (graph: ClosureGraph, chain: readonly number[]): string[] =>
  chain.map((position) => graph.infos[position]?.path as string);

/** A graph with some starts and some ends. */
const questions = (maxPaths: number, cyclic: boolean): fc.Arbitrary<[Drawing, number[], number[]]> =>
  drawings({ maxPaths, cyclic }).chain((drawing) => {
    const positions = fc.uniqueArray(fc.nat(drawing.sizes.length - 1), { minLength: 1, maxLength: 2 });
    return fc.tuple(fc.constant(drawing), positions, positions);
  });

describe.each([
  ["without cycles", false],
  ["with cycles", true],
])("chains on random graphs %s", (_, cyclic) => {
  test("all of them come, shortest first, each once", () => {
    fc.assert(
      fc.property(questions(8, cyclic), ([drawing, from, to]) => {
        const graph = graphOfDrawing(drawing);
        const expected = allChainsByTrying(drawing, from, to).map((chain) => pathsOf(graph, chain));
        expect([...allChains(graph, from, to)]).toEqual(expected);
      }),
      { numRuns: 3000 },
    );
  });

  test("the shortest is the first of all", () => {
    fc.assert(
      fc.property(questions(9, cyclic), ([drawing, from, to]) => {
        const graph = graphOfDrawing(drawing);
        const [first] = allChainsByTrying(drawing, from, to).map((chain) => pathsOf(graph, chain));
        expect(shortestChain(graph, from, to)).toEqual(first);
      }),
      { numRuns: 3000 },
    );
  });
});

/** A ladder: each level's two paths refer to both of the level below, so that chains double with each level. */
function ladder(levels: number, closing: "open" | "cyclic"): ClosureGraph {
  const name = (level: number, side: string): string => `l${String(level).padStart(4, "0")}-${side}`;
  const references: Record<string, string[]> = { app: [name(0, "a"), name(0, "b")], end: [], loner: [] };
  for (let level = 0; level < levels; level++) {
    const below = level === levels - 1 ? ["end"] : [name(level + 1, "a"), name(level + 1, "b")];
    references[name(level, "a")] = below;
    references[name(level, "b")] =
      closing === "cyclic" ? [...below, name(Math.max(0, level - 1), "a")] : below;
  }
  return graphOf(references);
}

describe("chains come lazily", () => {
  test("the first of 2^1000 chains are there at once", () => {
    const graph = ladder(1000, "open");
    const [app, end] = ["app", "end"].map((word) => findPaths(graph, word)) as [number[], number[]];
    const chains = allChains(graph, app, end).take(50).toArray();
    expect(new Set(chains.map((chain) => chain.join())).size).toBe(50);
    expect(chains.every((chain) => chain.length === 1002)).toBe(true);
  });

  test("dead ends behind a cycle cost nothing exponential", () => {
    const graph = ladder(24, "cyclic");
    const [app, end] = ["app", "end"].map((word) => findPaths(graph, word)) as [number[], number[]];
    expect(allChains(graph, app, end).take(200).toArray()).toHaveLength(200);
  });

  test("an end that is not reached ends at once, however many chains there are", () => {
    const graph = ladder(1000, "open");
    expect([...allChains(graph, findPaths(graph, "app"), findPaths(graph, "loner"))]).toEqual([]);
  });
});

describe("chains one asks for", () => {
  const graph = ladder(20, "open");
  const question = { from: findPaths(graph, "app"), to: findPaths(graph, "end") };

  test("so many, and whether there are more", async () => {
    expect(await takeChains(graph, { ...question, limit: 3 })).toMatchObject({
      complete: false,
      chains: { length: 3 },
    });
    const loner = { from: question.from, to: findPaths(graph, "loner"), limit: 3 };
    expect(await takeChains(graph, loner)).toEqual({ complete: true, chains: [] });
    const few = { from: question.from, to: findPaths(graph, "l0001-a"), limit: 2 };
    expect(await takeChains(graph, few)).toMatchObject({ complete: true, chains: { length: 2 } });
  });

  test("a timer can abort it in the middle", async () => {
    const signal = AbortSignal.timeout(20);
    await expect(takeChains(graph, { ...question, limit: 1e9, signal })).rejects.toThrow(/timeout/);
  });
});

describe("what a word means", () => {
  const graph = graphOf({
    "app-1": ["openssl-3.0.7", "openssl-3.0.7-dev", "openssl-1.1.1"],
    "openssl-3.0.7": [],
    "openssl-3.0.7-dev": [],
    "openssl-1.1.1": [],
    "python3.11-openssl-22": [],
  });
  const found = (word: string): string[] =>
    findPaths(graph, word)
      .map((position) => storePathName(graph.infos[position]!.path))
      .toSorted();
  const [first] = graph.infos;

  test.each([
    ["openssl", ["openssl-1.1.1", "openssl-3.0.7", "openssl-3.0.7-dev"]],
    ["openssl-3.0.7", ["openssl-3.0.7"]],
    ["openssl-3.0.7-dev", ["openssl-3.0.7-dev"]],
    ["python3.11-openssl", ["python3.11-openssl-22"]],
    ["ssl", []],
    ["", []],
    ["/nix/store", []],
    ["/nix/store/", []],
  ])("%j means %j", (word, expected) => {
    expect(found(word)).toEqual(expected);
  });

  test("a store path, a path inside it, its base name, its hash", () => {
    const { path } = first!;
    for (const word of [path, `${path}/bin/x`, path.slice("/nix/store/".length), storePathHashPart(path)]) {
      expect(findPaths(graph, word)).toEqual([0]);
    }
  });
});
