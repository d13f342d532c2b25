import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadClosure } from "@stowage/core";
import { runCampaign, strategies, type Row } from "./compare.ts";
import { debian521, debian68, generateGraph } from "./graphs.ts";
import { compareWithOptimum } from "./optimum.ts";
import { worlds, wrongWorlds } from "./worlds.ts";

/**
 * Simulates what upgrades send under every layering. Run from the repository:
 *
 *     pnpm bench:upgrades [--quick] [--json] [--releases 1000] [--seed 3] [--graph FILE]... [--only NAME]...
 *
 * `--graph` takes an exported closure, besides Fortune Cat's and the generated ones. `--only` names the parts that run:
 * graphs, such as "debian 521", and "optimum", the comparison with the cheapest of all plans. Every number is the same on
 * every machine.
 */
const words = process.argv.slice(2);
const has = (name: string): boolean => words.includes(`--${name}`);
const values = (name: string): string[] =>
  words.flatMap((word, index) => (word === `--${name}` ? [words[index + 1] ?? ""] : []));
const number = (name: string, byDefault: number): number => Number(values(name)[0] ?? byDefault);

const load = async (
  file: string,
): Promise<{ name: string; graph: Awaited<ReturnType<typeof loadClosure>>["graph"] }> => {
  const { graph } = await loadClosure({ targets: [], text: readFileSync(file, "utf8") });
  return { name: file.replace(/^.*\/|\.\w+$/g, ""), graph };
};

const graphs = [await load(join(import.meta.dirname, "fortune-cat.txt"))];
for (const graph of has("quick") ? [debian68()] : [debian68(), debian521()]) {
  graphs.push({ name: `debian ${graph.infos.length}`, graph });
}
for (const file of values("graph")) graphs.push(await load(file));
for (const paths of has("quick") ? [60] : [60, 500, 3000]) {
  graphs.push({ name: `${paths} paths`, graph: generateGraph(paths, 1) });
}

const parts = [...graphs.map(({ name }) => name), "optimum"];
const only = values("only");
const unknown = only.filter((name) => !parts.includes(name));
if (unknown.length > 0) throw new Error(`there is no ${unknown.join(", ")}; there are ${parts.join(", ")}`);
const runs = (name: string): boolean => only.length === 0 || only.includes(name);

const rows: Row[] = [];
if (!has("json")) printTitles();
for (const row of runCampaign({
  graphs: graphs.filter(({ name }) => runs(name)),
  worlds: [...worlds, ...wrongWorlds],
  limits: [10, 25, 50, 100],
  releases: number("releases", has("quick") ? 100 : 1000),
  seed: number("seed", 3),
})) {
  rows.push(row);
  if (!has("json")) printRow(row);
}
const optimum = runs("optimum") ? compareWithOptimum(has("quick") ? 10 : 100) : [];
if (has("json")) {
  console.log(JSON.stringify({ rows, optimum }, null, 2));
} else if (optimum.length > 0) {
  console.log("\nexpected cost of the plan for 12 paths, relative to the cheapest of all partitions:");
  for (const { layers, mean, worst, reached, graphs: tried } of optimum) {
    console.log(
      `  ${layers} layers: mean ${mean.toFixed(5)}, worst ${worst.toFixed(4)}, reached ${reached} of ${tried}`,
    );
  }
}

function printTitles(): void {
  console.log("bytes sent a release, relative to the changed paths' own bytes (MiB)\n");
  console.log(
    [
      "graph".padEnd(12),
      "world".padEnd(20),
      "layers",
      "    MiB",
      ...strategies.map((name) => name.padStart(10)),
    ].join(" "),
  );
}

function printRow({ graph, world, layers, lowerBound, sent }: Row): void {
  console.log(
    [
      graph.padEnd(12),
      world.padEnd(20),
      String(layers).padStart(6),
      (lowerBound / 2 ** 20).toFixed(2).padStart(7),
      ...strategies.map((name) => {
        const bytes = sent[name];
        return (bytes === undefined ? "" : (bytes / lowerBound).toFixed(3)).padStart(10);
      }),
    ].join(" "),
  );
}
