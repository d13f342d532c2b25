import { storePathName } from "@stowage/nix";
import { infoAt, type ClosureGraph } from "../../graph/closure-graph.ts";
import { condense, type Condensation } from "../../graph/condensation.ts";
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

interface Remembered {
  readonly history: ChangeHistory | undefined;
  /** Weakly: nobody needs it once a plan is made and described, and it is large. */
  readonly model: WeakRef<ChangeModel>;
}

const remembered = new WeakMap<ClosureGraph, Remembered>();

/**
 * Models a closure's changes by what is known of its packages, and by a prior where nothing is. Who describes a plan
 * gets the model that it was made with: a report of 3,000 paths takes 2.65 s of processor time instead of 2.82.
 */
export function modelChanges(graph: ClosureGraph, history?: ChangeHistory): ChangeModel {
  const last = remembered.get(graph);
  const known = last?.history === history ? last?.model.deref() : undefined;
  if (known !== undefined) return known;
  const model = makeModel(graph, history);
  remembered.set(graph, { history, model: new WeakRef(model) });
  return model;
}

function makeModel(graph: ClosureGraph, history: ChangeHistory | undefined): ChangeModel {
  const condensation = condense(graph);
  const units = findUnits(graph, condensation);
  const { packageOf, names } = numberPackages(graph);
  const componentOf = units.map(([first]) => condensation.componentOf[first as number] as number);
  const affected = countAffected(gatherCauses(condensation, packageOf, names.length), componentOf);

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
  // Gathered anew, so that each list comes out ascending with nothing to sort.
  const causes = gatherCauses(
    condensation,
    packageOf.map((number) => renumbered[number] as number),
    names.length,
  );
  return {
    units,
    sizes: Float64Array.from(units, (unit) =>
      roundSize(unit.reduce((sum, position) => sum + infoAt(graph, position).narSize, 0)),
    ),
    causes: listCauses(causes, componentOf),
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
export function weightOfAll({ causes, weights }: ChangeModel, units: readonly number[]): number {
  const isCause = new Uint8Array(weights.length);
  for (const unit of units) for (const cause of causes[unit] as Uint32Array) isCause[cause] = 1;
  // In one order, so that equal sets weigh the same to the last bit.
  let sum = 0;
  for (let cause = weights.length - 1; cause >= 0; cause--)
    if (isCause[cause] === 1) sum += weights[cause] as number;
  return sum;
}

/**
 * Names come before hashes, so that ties fall the same way when hashes change and nothing else does: a release that
 * only rebuilds something keeps its plan.
 */
function findUnits(graph: ClosureGraph, { componentOf, count }: Condensation): number[][] {
  const keyOf = graph.infos.map(({ path }) => `${storePathName(path)}\0${path}`);
  const compare = (a: number, b: number): number => ((keyOf[a] as string) < (keyOf[b] as string) ? -1 : 1);
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

/** Numbers of packages for each component of a graph, as bits. */
interface Causes {
  readonly words: number;
  readonly bits: Int32Array;
}

/** The packages in the closure of each component, by the numbers that packages have. */
function gatherCauses(
  { componentOf, count, offsets, targets }: Condensation,
  packageOf: Uint32Array,
  packages: number,
): Causes {
  const words = Math.ceil(packages / 32);
  const bits = new Int32Array(count * words);
  for (const [position, number] of packageOf.entries()) {
    const word = (componentOf[position] as number) * words + (number >>> 5);
    bits[word] = (bits[word] as number) | (1 << (number & 31));
  }
  // Edges lead to lower numbers: what is referred to is whole already.
  for (let component = 0; component < count; component++) {
    for (let edge = offsets[component] as number; edge < (offsets[component + 1] as number); edge++) {
      const from = (targets[edge] as number) * words;
      const to = component * words;
      for (let word = 0; word < words; word++)
        bits[to + word] = (bits[to + word] as number) | (bits[from + word] as number);
    }
  }
  return { words, bits };
}

/** How many of some components each package changes. */
function countAffected({ words, bits }: Causes, components: readonly number[]): Uint32Array {
  const affected = new Uint32Array(words * 32);
  for (const component of components) {
    for (let word = 0; word < words; word++) {
      for (let left = bits[component * words + word] as number; left !== 0; left &= left - 1) {
        const number = word * 32 + 31 - Math.clz32(left & -left);
        affected[number] = (affected[number] as number) + 1;
      }
    }
  }
  return affected;
}

/** The packages of some components, ascending. */
function listCauses({ words, bits }: Causes, components: readonly number[]): Uint32Array[] {
  const list = new Uint32Array(words * 32);
  return components.map((component) => {
    let length = 0;
    for (let word = 0; word < words; word++) {
      for (let left = bits[component * words + word] as number; left !== 0; left &= left - 1)
        list[length++] = word * 32 + 31 - Math.clz32(left & -left);
    }
    return list.slice(0, length);
  });
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
