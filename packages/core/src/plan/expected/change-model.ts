import { storePathName } from "@stowage/nix";
import { infoAt, type ClosureGraph } from "../../graph/closure-graph.ts";
import { condense } from "../../graph/condensation.ts";
import { lanesOf } from "../../graph/lanes.ts";
import { nameReader } from "../read-names.ts";
import { ratesFrom, type ChangeHistory, type Rates } from "./rates.ts";

/**
 * What a release may change. A package changes by itself at some rate; a store path changes when anything in its
 * closure does, itself included: that is Nix's rule, a path's hash covers all that it was made of.
 *
 * Every number is made with operations that IEEE 754 rounds exactly (no `exp`, no `pow`), so that a plan is the same on
 * every machine and every version of Node.
 */
export interface ChangeModel extends Pick<Rates, "likelihood" | "weightFor"> {
  /** What nothing tells apart: single positions, or those of a reference cycle. By name, then by path. */
  readonly units: readonly (readonly number[])[];
  /** Bytes of NAR of each unit, rounded to four binary digits: a few bytes more or less leave a plan as it is. */
  readonly sizes: Float64Array;
  /** For each unit the numbers of the packages that change it, ascending. */
  readonly causes: readonly Uint32Array[];
  /** For each package what it weighs: the more, the more often it changes. Packages that change most units first. */
  readonly weights: Float64Array;
}

const PAGE = 4096;

/** Models a closure's changes by what is known of its packages, and by a prior where nothing is. */
export function modelChanges(graph: ClosureGraph, history?: ChangeHistory): ChangeModel {
  const units = findUnits(graph);
  const { packageOf, names } = numberPackages(graph);
  const { causes, affected } = findCauses(graph, units, packageOf, names.length);

  const rootPackages = new Set(graph.roots.map((root) => packageOf[root] as number));
  const { weightOf, likelihood, weightFor } = ratesFrom(history);
  const weights = Float64Array.from(names, (name, number) =>
    weightOf({
      name,
      dependents: (affected[number] as number) - 1,
      roots: rootPackages.has(number) ? rootPackages.size : undefined,
    }),
  );

  const order = [...names.keys()].toSorted(
    (a, b) => (affected[b] as number) - (affected[a] as number) || a - b,
  );
  const renumbered = new Uint32Array(names.length);
  for (const [after, before] of order.entries()) renumbered[before] = after;
  return {
    units,
    sizes: Float64Array.from(units, (unit) =>
      roundSize(unit.reduce((sum, position) => sum + infoAt(graph, position).narSize, 0)),
    ),
    causes: causes.map((list) => list.map((number) => renumbered[number] as number).toSorted()),
    weights: Float64Array.from(order, (number) => weights[number] as number),
    likelihood,
    weightFor,
  };
}

/** The unit of each position. */
export function unitsByPosition({ units }: ChangeModel): ReadonlyMap<number, number> {
  return new Map(units.flatMap((unit, number) => unit.map((position) => [position, number])));
}

/** The summed weights of all that changes any of some units. */
export function weightOfAll(model: ChangeModel, units: readonly number[]): number {
  const causes = new Set<number>();
  for (const unit of units) for (const cause of model.causes[unit] as Uint32Array) causes.add(cause);
  // In one order, so that equal sets weigh the same to the last bit.
  return [...causes]
    .toSorted((a, b) => b - a)
    .reduce((sum, cause) => sum + (model.weights[cause] as number), 0);
}

/**
 * Names come before hashes, so that ties fall the same way when hashes change and nothing else does: a release that
 * only rebuilds something keeps its plan.
 */
function findUnits(graph: ClosureGraph): number[][] {
  const keyOf = graph.infos.map(({ path }) => `${storePathName(path)}\0${path}`);
  const compare = (a: number, b: number): number => ((keyOf[a] as string) < (keyOf[b] as string) ? -1 : 1);
  const { componentOf, count } = condense(graph);
  const units: number[][] = Array.from({ length: count }, () => []);
  const positions = graph.infos.map((_, position) => position).toSorted(compare);
  for (const position of positions) units[componentOf[position] as number]?.push(position);
  return units.toSorted(([a], [b]) => compare(a as number, b as number));
}

/** Outputs of one derivation have one number: they change together. What built a path differs between stores, so names decide. */
function numberPackages(graph: ClosureGraph): { packageOf: Uint32Array; names: string[] } {
  const read = nameReader(graph.infos);
  const packages = graph.infos.map((info) => read(info));
  const keys = packages.map(({ name, version }) => `${name}\0${version}`);
  const numbers = new Map<string, number>();
  const names: string[] = [];
  const order = keys
    .map((_, position) => position)
    .toSorted((a, b) => compareText(keys[a] as string, keys[b] as string) || a - b);
  for (const position of order) {
    const key = keys[position] as string;
    if (numbers.has(key)) continue;
    numbers.set(key, names.length);
    names.push(packages[position]?.name ?? "");
  }
  return { packageOf: Uint32Array.from(keys, (key) => numbers.get(key) as number), names };
}

/** What changes each unit, and how many units each package changes. */
function findCauses(
  graph: ClosureGraph,
  units: readonly (readonly number[])[],
  packageOf: Uint32Array,
  packages: number,
): { causes: Uint32Array[]; affected: Uint32Array } {
  const { componentOf, count, offsets, targets } = condense(graph);
  const words = Math.ceil(packages / 32);
  const sets = new Uint32Array(count * words);
  for (const [position, number] of packageOf.entries()) {
    const word = (componentOf[position] as number) * words + (number >>> 5);
    sets[word] = (sets[word] as number) | (1 << (number & 31));
  }
  // Edges lead to lower numbers: what is referred to is whole already.
  for (let component = 0; component < count; component++) {
    for (let edge = offsets[component] as number; edge < (offsets[component + 1] as number); edge++) {
      const from = (targets[edge] as number) * words;
      const to = component * words;
      for (let word = 0; word < words; word++)
        sets[to + word] = (sets[to + word] as number) | (sets[from + word] as number);
    }
  }
  const affected = new Uint32Array(packages);
  const causes = units.map(([first]) => {
    const start = (componentOf[first as number] as number) * words;
    const list: number[] = [];
    for (let word = 0; word < words; word++) {
      for (const lane of lanesOf(sets[start + word] as number)) list.push(word * 32 + lane);
    }
    for (const number of list) affected[number] = (affected[number] as number) + 1;
    return Uint32Array.from(list);
  });
  return { causes, affected };
}

/** What is smaller than a page is as large as one: so little decides nothing. */
function roundSize(bytes: number): number {
  let step = PAGE / 16;
  while (bytes / step >= 16) step *= 2;
  return Math.max(PAGE, Math.round(bytes / step) * step);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
