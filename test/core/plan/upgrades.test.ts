import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadClosure } from "@stowage/core";
import { runCampaign } from "../../bench/upgrades/compare.ts";
import { debian521, debian68, generateGraph } from "../../bench/upgrades/graphs.ts";
import { cheapestPartition, compareWithOptimum } from "../../bench/upgrades/optimum.ts";
import { worlds, wrongWorlds } from "../../bench/upgrades/worlds.ts";
import { repository } from "../../support/repository.ts";

const isLong = process.env["STOWAGE_LONG"] === "1";
const file = join(repository, "test/bench/upgrades/fortune-cat.txt");
const fortuneCat = await loadClosure({ targets: [], text: readFileSync(file, "utf8") });
const campaign = {
  graphs: [
    { name: "fortune-cat", graph: fortuneCat.graph },
    { name: "debian 68", graph: debian68() },
    ...(isLong ? [{ name: "debian 521", graph: debian521() }] : []),
    ...(isLong ? [60, 500, 3000] : [60, 200]).map((paths) => ({
      name: `${paths} paths`,
      graph: generateGraph(paths, 1),
    })),
  ],
  limits: isLong ? [10, 25, 50, 100] : [10, 50],
  releases: isLong ? 1000 : 200,
  seed: 3,
};

describe("simulated upgrades", () => {
  test.each(worlds)(
    "$name: expected never sends more than popularity, auto and single",
    (world) => {
      for (const { sent, ...row } of runCampaign({ ...campaign, worlds: [world] })) {
        const least = Math.min(sent.popularity, sent.auto, sent.single);
        expect(sent.expected, JSON.stringify({ ...row, sent })).toBeLessThanOrEqual(least);
      }
    },
    600_000,
  );

  test("at the sampled rates expected sends no more than what plans from samples", () => {
    const sampledWorlds = worlds.filter(
      ({ name }) => name === "dependency bumps" || name === "base rebuilds",
    );
    for (const { sent, ...row } of runCampaign({ ...campaign, worlds: sampledWorlds })) {
      if (sent.sampled === undefined) continue;
      expect(sent.expected, JSON.stringify({ ...row, sent })).toBeLessThanOrEqual(1.001 * sent.sampled);
    }
  }, 600_000);

  test.each(wrongWorlds)(
    "$name: expected sends at most a tenth more than the best of them",
    (world) => {
      for (const { sent, ...row } of runCampaign({ ...campaign, worlds: [world] })) {
        const least = Math.min(sent.popularity, sent.auto, sent.single, sent["per-path"]);
        expect(sent.expected, JSON.stringify({ ...row, sent })).toBeLessThanOrEqual(1.1 * least);
      }
    },
    600_000,
  );

  test("the plan for 12 paths is next to the cheapest of all", () => {
    for (const { mean, worst } of compareWithOptimum(isLong ? 200 : 10)) {
      expect(mean).toBeLessThan(1.002);
      expect(worst).toBeGreaterThan(1 - 1e-9);
      // Of 200 graphs two are missed with 4 layers, and one of these by 7 %.
      expect(worst).toBeLessThan(isLong ? 1.08 : 1.02);
    }
  });

  test("the search for the cheapest partition finds it", () => {
    // Things of 1, 2, 4, 8 whose group costs the square of its sum: two groups are best as 8 | 4 2 1.
    const square = (set: number): number => set ** 2;
    expect(cheapestPartition(4, 1, square)).toBe(225);
    expect(cheapestPartition(4, 2, square)).toBe(64 + 49);
    expect(cheapestPartition(4, 4, square)).toBe(64 + 16 + 4 + 1);
  });
});
