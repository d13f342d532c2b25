import { findDuplicates } from "../analyze/dupes.ts";
import { packageOf } from "../analyze/package-of.ts";
import { chainPaths, type Chain } from "../analyze/why.ts";
import { CoreError } from "../errors.ts";
import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import { computeSizes } from "../graph/sizes.ts";
import { chainsFrom } from "../graph/traverse.ts";
import { numberRules, type Budget } from "./budget-file.ts";
import { matchesGlob, matchesPackage } from "./glob.ts";
import { measureForBudget, type ImageMeasures, type Measures } from "./measure.ts";

/** One rule that does not hold. */
export interface BudgetFailure {
  readonly rule: keyof Budget;
  /** What `measured` and `limit` count. */
  readonly unit: "bytes" | "layers" | "paths";
  readonly measured: number;
  readonly limit: number;
  /** The package that the rule is about, or the pattern that forbids it. */
  readonly subject?: string;
  /**
   * Why, as shortest chains from a root: to the largest path, to the forbidden one, to each copy; for a rule about the
   * whole to the path that adds most besides the roots.
   */
  readonly chains: readonly Chain[];
}

/** How a closure stands to its budget. */
export interface BudgetReport {
  readonly measured: Measures;
  /** In the order of the rules: sizes, forbidden packages, duplicates, growth. */
  readonly failures: readonly BudgetFailure[];
}

/**
 * Compares a closure, and the image made of it, with a budget.
 * @throws CoreError `option-invalid` where a rule is about an image and there is none
 */
export function checkBudget(budget: Budget, graph: ClosureGraph, image?: ImageMeasures): BudgetReport {
  const measured = measureForBudget(graph, image);
  const reasons = new Reasons(graph);
  return {
    measured,
    failures: [
      ...checkNumbers(budget, measured, reasons),
      ...checkForbidden(budget.forbidden ?? [], graph, reasons),
      ...(budget.allowedDuplicates === undefined ? [] : checkDuplicates(budget.allowedDuplicates, graph)),
      ...checkGrowth(budget.growth, measured, reasons),
    ],
  };
}

function checkNumbers(budget: Budget, measured: Measures, reasons: Reasons): BudgetFailure[] {
  return numberRules.flatMap((rule) => {
    const [limit, value] = [budget[rule], measured[rule]];
    if (limit === undefined) return [];
    if (value === undefined) {
      throw new CoreError("option-invalid", `the budget limits ${rule}, but there is no image to measure`, {
        hint: "Check something that can be packed, or take the rule out.",
      });
    }
    if (value <= limit) return [];
    const unit = rule === "layers" ? "layers" : "bytes";
    const chain = rule === "largestPath" ? reasons.largestPath() : reasons.largestAdded();
    return { rule, unit, measured: value, limit, chains: [chain] };
  });
}

function checkForbidden(patterns: readonly string[], graph: ClosureGraph, reasons: Reasons): BudgetFailure[] {
  return patterns.flatMap((pattern) => {
    const positions = graph.infos.keys().filter((position) => {
      const info = infoAt(graph, position);
      return matchesPackage(pattern, { path: info.path, name: packageOf(info).name });
    });
    const chains = [...positions].map((position) => reasons.to(position));
    if (chains.length === 0) return [];
    return { rule: "forbidden", unit: "paths", measured: chains.length, limit: 0, subject: pattern, chains };
  });
}

function checkDuplicates(allowed: readonly string[], graph: ClosureGraph): BudgetFailure[] {
  return findDuplicates(graph)
    .filter(({ name }) => !allowed.some((pattern) => matchesGlob(pattern, name)))
    .map(({ name, output, copies }) => ({
      rule: "allowedDuplicates",
      unit: "paths",
      measured: copies.length,
      limit: 1,
      subject: output === "out" ? name : `${name} (${output})`,
      chains: copies.map(({ chain }) => chain),
    }));
}

function checkGrowth(growth: Budget["growth"], measured: Measures, reasons: Reasons): BudgetFailure[] {
  if (growth?.baseline === undefined) return [];
  const grown = measured.closureSize - growth.baseline;
  const { limit } = growth;
  const allowed = "bytes" in limit ? limit.bytes : Math.floor((growth.baseline * limit.percent) / 100);
  if (grown <= allowed) return [];
  return [
    { rule: "growth", unit: "bytes", measured: grown, limit: allowed, chains: [reasons.largestAdded()] },
  ];
}

/** Chains from the roots to what a rule is about. */
class Reasons {
  readonly #graph: ClosureGraph;
  #chains: ReturnType<typeof chainsFrom> | undefined;

  constructor(graph: ClosureGraph) {
    this.#graph = graph;
  }

  to(position: number): Chain {
    this.#chains ??= chainsFrom(this.#graph, this.#graph.roots);
    return chainPaths(this.#graph, this.#chains.to(position) ?? []);
  }

  largestPath(): Chain {
    return this.to(largest(Float64Array.from(this.#graph.infos, (info) => info.narSize)));
  }

  /** The path besides the roots that the closure would lose most with; a root where there is nothing else. */
  largestAdded(): Chain {
    const { addedSize } = computeSizes(this.#graph);
    if (this.#graph.infos.length > this.#graph.roots.length) {
      for (const root of this.#graph.roots) addedSize[root] = -1;
    }
    return this.to(largest(addedSize));
  }
}

/** The first position of the largest value. */
function largest(values: Float64Array): number {
  return values.reduce((best, value, position) => (value > (values[best] as number) ? position : best), 0);
}
