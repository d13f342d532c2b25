import { packageOf, type ChangeHistory, type ClosureGraph } from "@stowage/core";
import { Random } from "./random.ts";

/** How releases come about. The roots change in each; all that depends on a change changes too, as in Nix. */
export interface World {
  readonly name: string;
  /** For each position how likely a release changes it by itself. */
  readonly rates: (graph: ClosureGraph) => Float64Array;
  /** How likely a release changes each part of the application besides its root. */
  readonly parts: number;
  /** How likely a release changes one of the paths that nearly everything depends on. */
  readonly baseRebuilds: number;
  /** What the planner is told about the packages; `honest`: what earlier releases of the same world showed. */
  readonly told: "nothing" | "honest" | "shuffled" | "10x too high" | "10x too low";
}

/** Releases that a history has seen. */
const WATCHED = 40;

const never = (graph: ClosureGraph): Float64Array => new Float64Array(graph.infos.length);

/** Each package at a rate of its own, log-normal around a mean of 1 % of all releases. */
const bumps =
  (scale: number) =>
  (graph: ClosureGraph): Float64Array => {
    const random = new Random(7);
    return Float64Array.from(graph.infos, () =>
      Math.min(0.9, scale * 0.01 * Math.exp(random.normal() - 0.5)),
    );
  };

/** A few packages change with every third release, the others once in 300: what only a history can know. */
const uneven = (graph: ClosureGraph): Float64Array => {
  const random = new Random(7);
  return Float64Array.from(graph.infos, () => (random.happens(0.04) ? 0.33 : 0.0033));
};

/** Where the planner has to be the best. */
export const worlds: readonly World[] = [
  { name: "application only", rates: never, parts: 0, baseRebuilds: 0, told: "nothing" },
  { name: "application parts", rates: never, parts: 0.3, baseRebuilds: 0, told: "nothing" },
  { name: "dependency bumps", rates: bumps(1), parts: 0.3, baseRebuilds: 0, told: "nothing" },
  { name: "base rebuilds", rates: bumps(1), parts: 0.3, baseRebuilds: 0.1, told: "nothing" },
  { name: "learned rates", rates: uneven, parts: 0.3, baseRebuilds: 0, told: "honest" },
];

/** Where the planner believes what is not so. */
export const wrongWorlds: readonly World[] = [
  { name: "bumps 10x as often", rates: bumps(10), parts: 0.3, baseRebuilds: 0, told: "nothing" },
  { name: "bumps 10x as seldom", rates: bumps(0.1), parts: 0.3, baseRebuilds: 0, told: "nothing" },
  { name: "learned 10x too high", rates: uneven, parts: 0.3, baseRebuilds: 0, told: "10x too high" },
  { name: "learned 10x too low", rates: uneven, parts: 0.3, baseRebuilds: 0, told: "10x too low" },
  { name: "learned and shuffled", rates: uneven, parts: 0.3, baseRebuilds: 0, told: "shuffled" },
];

/** The releases of a world, one after the other: 1 for each position whose path a release changes. */
export function* releases(
  graph: ClosureGraph,
  world: World,
  count: number,
  seed: number,
): Generator<Uint8Array> {
  for (const own of ownChanges(graph, world, count, seed)) yield withDependents(graph, own);
}

function* ownChanges(graph: ClosureGraph, world: World, count: number, seed: number): Generator<number[]> {
  const rates = world.rates(graph);
  const base = basePaths(graph);
  const parts = [...graph.infos.keys()].filter((position) => nameAt(graph, position).startsWith("app-part"));
  const random = new Random(seed);
  for (let release = 0; release < count; release++) {
    const own = [...graph.roots];
    for (const part of parts) if (random.happens(world.parts)) own.push(part);
    for (const [position, rate] of rates.entries()) if (random.happens(rate)) own.push(position);
    if (random.happens(world.baseRebuilds)) own.push(base[random.below(base.length)] as number);
    yield own;
  }
}

/** What the planner is told of a world. */
export function historyFor(graph: ClosureGraph, world: World, seed: number): ChangeHistory | undefined {
  if (world.told === "nothing") return undefined;
  const counts = new Map<string, number>();
  for (const own of ownChanges(graph, world, WATCHED, seed)) {
    for (const name of new Set(own.map((position) => nameAt(graph, position)))) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  switch (world.told) {
    case "honest":
      return { releases: WATCHED, changes: counts };
    case "10x too high":
      return {
        releases: WATCHED,
        changes: new Map([...counts].map(([name, count]) => [name, Math.min(WATCHED, count * 10)])),
      };
    case "10x too low":
      return { releases: WATCHED * 10, changes: counts };
    case "shuffled": {
      const packages = [...new Set([...graph.infos.keys()].map((position) => nameAt(graph, position)))];
      const others = new Random(seed).shuffle(packages);
      return {
        releases: WATCHED,
        changes: new Map(packages.map((name, index) => [name, counts.get(others[index] as string) ?? 0])),
      };
    }
  }
}

function nameAt(graph: ClosureGraph, position: number): string {
  return packageOf(graph.infos[position] as { path: ClosureGraph["infos"][number]["path"] }).name;
}

/** The paths that at least half as many depend on as on the most popular one. */
function basePaths(graph: ClosureGraph): number[] {
  const dependents = graph.infos.map((_, position) =>
    withDependents(graph, [position]).reduce((sum, mark) => sum + mark, 0),
  );
  const most = Math.max(...dependents);
  return [...dependents.keys()].filter((position) => (dependents[position] as number) >= most / 2);
}

/** Nix's rule: what changes, changes all that depends on it. */
export function withDependents(graph: ClosureGraph, own: readonly number[]): Uint8Array {
  const changed = new Uint8Array(graph.infos.length);
  const waiting = [...own];
  for (const position of own) changed[position] = 1;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const referrer of graph.referrers[next] as readonly number[]) {
      if (changed[referrer] === 1) continue;
      changed[referrer] = 1;
      waiting.push(referrer);
    }
  }
  return changed;
}
