import { describe, expect, test } from "vitest";
import fc from "fast-check";
import { planLayers } from "@stowage/core";
import { popularityContest } from "@stowage/core/internal";
import { graphOf, names } from "../../support/graphs.ts";

/** The recursion as nixpkgs defines it, on maps, for small graphs. */
function contestByDefinition(references: Readonly<Record<string, readonly string[]>>): Map<string, bigint> {
  const contest = (paths: readonly string[]): Map<string, bigint> => {
    const popularity = new Map<string, bigint>();
    for (const path of paths) {
      popularity.set(path, (popularity.get(path) ?? 0n) + 1n);
      for (const [other, count] of contest(
        (references[path] ?? []).filter((reference) => reference !== path),
      )) {
        popularity.set(other, (popularity.get(other) ?? 0n) + count + 1n);
      }
    }
    return popularity;
  };
  const referenced = new Set(
    Object.entries(references).flatMap(([path, targets]) => targets.filter((target) => target !== path)),
  );
  return contest(Object.keys(references).filter((path) => !referenced.has(path)));
}

describe("popularity", () => {
  test("counts as nixpkgs' recursion does, on random graphs", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 9 }),
        (choices) => {
          const letters = choices.map((_, index) => `p${index}`);
          const references = Object.fromEntries(
            choices.map((chosen, index) => [
              `p${index}`,
              [...new Set(chosen.map((choice) => letters[choice % (index + 1)] as string))],
            ]),
          );
          const graph = graphOf(references);
          const expected = contestByDefinition(references);
          const counted = popularityContest(graph);
          expect(new Map(names(graph).map((name, position) => [name, counted[position]]))).toEqual(expected);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("gives the most popular paths a layer each; the rest share the last", () => {
    const graph = graphOf({ app: ["lib", "libc"], lib: ["libc"], libc: ["libc"], tool: ["libc"] });
    const plan = planLayers(graph, { strategy: "popularity", maxLayers: 4, otherLayers: 1 });
    expect(plan.layers.map((layer) => layer.map((path) => path.slice(44)))).toEqual([
      ["libc"],
      ["lib"],
      ["app", "tool"],
    ]);
  });

  test("counts beyond what a double holds", () => {
    const depth = 70;
    const references: Record<string, string[]> = { "d00-a": [], "d00-b": [] };
    for (let level = 1; level < depth; level++) {
      const below = String(level - 1).padStart(2, "0");
      const here = String(level).padStart(2, "0");
      references[`d${here}-a`] = [`d${below}-a`, `d${below}-b`];
      references[`d${here}-b`] = [`d${below}-a`, `d${below}-b`];
    }
    const graph = graphOf(references);
    const deepest = popularityContest(graph)[names(graph).indexOf("d00-a")] as bigint;
    // Paths from the two roots to one node at distance k number 2^k; above it each level has two nodes.
    expect(deepest).toBe(2n ** BigInt(depth - 1) + 2n * (2n ** BigInt(depth - 1) - 1n));
  });
});
