import type { ChangeModel } from "./change-model.ts";

/** How often packages changed by themselves, as far as somebody watched. */
export interface ChangeHistory {
  /** How many releases were watched, each compared with the one before it. */
  readonly releases: number;
  /** In how many of them the package of a name changed by itself, not only because something it needs did. */
  readonly changes: ReadonlyMap<string, number>;
}

/** What weighs this much changes with every release. Not larger, so that small weights are still exact beside it. */
const ALWAYS = 100_000_000;

/** A package of which nothing is known changes in this share of all releases, more often the fewer depend on it. */
const SHARED_RATE = 0.01;
const LONELY_RATE = 0.03;

/** The prior counts as much as this many watched releases. */
const PRIOR_RELEASES = 10;

/** One of several roots. */
const ROOT_RATE = 0.5;

/**
 * How sure the scale of all rates is: the shape of a gamma distribution with mean 1. From a half, that is from nearly
 * nothing known, it doubles with the changes that were seen.
 */
const PRIOR_SHAPE = 0.5;
const MAX_SHAPE = 64;

/** What is asked about one package. */
export interface RatedPackage {
  readonly name: string;
  /** How many other paths change with it. */
  readonly dependents: number;
  /** How many roots there are, if it is one. */
  readonly roots: number | undefined;
}

/**
 * A package's weight. The only root changes always: that is what a release is. Of several each changes with every
 * second one. Of all others those that many paths depend on change seldom, those that nothing but the root needs most
 * often, as long as no history says more.
 */
export function weightOf({ name, dependents, roots }: RatedPackage, history?: ChangeHistory): number {
  if (roots === 1) return ALWAYS;
  const prior =
    roots === undefined ? SHARED_RATE + (LONELY_RATE - SHARED_RATE) / (1 + dependents) : ROOT_RATE;
  const releases = history?.releases ?? 0;
  const changes = Math.min(history?.changes.get(name) ?? 0, releases);
  const rate = (prior * PRIOR_RELEASES + changes) / (PRIOR_RELEASES + releases);
  return scaleOf(history).weightFor(rate);
}

/**
 * Nobody knows how often things change in all, so the scale of the rates is itself uncertain. With a gamma-distributed
 * scale the likelihood that something of weight w changes is 1 - (1 + w / shape)^-shape. It saturates slowly: a plan
 * made with it holds where the real rates are far from the assumed ones.
 */
export function scaleOf(history?: ChangeHistory): Pick<ChangeModel, "likelihood" | "weightFor"> {
  const shape = shapeFor(history);
  return {
    likelihood: (weight) => 1 - power(1 / (1 + weight / shape), shape),
    weightFor: (likelihood) =>
      likelihood >= 1 ? Number.POSITIVE_INFINITY : shape * (1 / power(1 - likelihood, 1 / shape) - 1),
  };
}

function shapeFor(history?: ChangeHistory): number {
  let seen = PRIOR_SHAPE;
  for (const count of history?.changes.values() ?? []) seen += count;
  let shape = PRIOR_SHAPE;
  while (shape * 2 <= seen && shape < MAX_SHAPE) shape *= 2;
  return shape;
}

/** `value` to a power that is itself 2 to some whole power, by squares and square roots alone. */
function power(value: number, exponent: number): number {
  let result = value;
  for (let left = exponent; left > 1; left /= 2) result *= result;
  for (let left = exponent; left < 1; left *= 2) result = Math.sqrt(result);
  return result;
}
