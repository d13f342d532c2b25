/** How often packages changed by themselves, as far as somebody watched. */
export interface ChangeHistory {
  /** How many releases were watched, each compared with the one before it. */
  readonly releases: number;
  /** In how many of them the package of a name changed by itself, not only because something it needs did. */
  readonly changes: ReadonlyMap<string, number>;
}

/** What is asked about one package. */
export interface RatedPackage {
  readonly name: string;
  /** How many other paths change with it. */
  readonly dependents: number;
  /** How many roots there are, if it is one. */
  readonly roots: number | undefined;
}

/**
 * What is believed about change. Each package has a weight; what several packages change has the sum of theirs, and the
 * more something weighs, the more likely a release changes it.
 */
export interface Rates {
  readonly weightOf: (rated: RatedPackage) => number;
  /** How likely a release changes something whose causes weigh this much in sum: 0 for nothing, 1 for a root. */
  readonly likelihood: (weight: number) => number;
  /** The most that something weighs that changes no more likely than that; Infinity from 1 on. */
  readonly weightFor: (likelihood: number) => number;
}

/** What weighs this much changes with every release. Not larger, so that small weights are still exact beside it. */
const ALWAYS = 100_000_000;
/** What does not change with every release weighs less than this. */
const NOT_ALWAYS = ALWAYS / 2;

/** Packages that many depend on change seldom; one that nothing but the root needs changes this much more often. */
const SHARED_RATE = 0.01;
const LONELY_RATE = 0.1;
/** One of several roots. */
const ROOT_RATE = 0.5;
/** The rates above count as much as this many watched releases. */
const PRIOR_RELEASES = 40;

/**
 * In this share of releases nothing changes but the application. Without it, and a limit that is tight, what changes with
 * the application would be put beside much that is thought to change nearly as often.
 */
const APPLICATION_ONLY = 0.5;
/** That share is one number for all packages: so many watched releases tell as much. */
const SHARE_RELEASES = 10;

/**
 * How sure the scale of all rates is: the shape of a gamma distribution with mean 1. From a half, that is from nearly
 * nothing known, it doubles with the changes that were seen.
 */
const PRIOR_SHAPE = 0.5;
const MAX_SHAPE = 64;

/**
 * The prior, corrected by what was watched. The only root changes always: that is what a release is. Of several each
 * changes with every second one. Of all others those that many paths depend on change seldom, those that nothing but
 * the root needs most often.
 *
 * Nobody knows how often things change in all, so the scale of the rates is itself uncertain. With a gamma-distributed
 * scale the likelihood that something of weight w changes is 1 - (1 + w / shape)^-shape. It saturates slowly: a plan
 * made with it holds where the real rates are far from the assumed ones.
 */
export function ratesFrom({ releases, changes }: ChangeHistory = { releases: 0, changes: new Map() }): Rates {
  const shape = shapeFor(changes);
  const share = 1 - (APPLICATION_ONLY * SHARE_RELEASES) / (SHARE_RELEASES + releases);
  const weightAt = (rate: number): number => shape * (1 / power(1 - rate, 1 / shape) - 1);
  return {
    weightOf({ name, dependents, roots }) {
      if (roots === 1) return ALWAYS;
      const prior =
        roots === undefined ? SHARED_RATE + (LONELY_RATE - SHARED_RATE) / Math.max(1, dependents) : ROOT_RATE;
      const seen = Math.min(changes.get(name) ?? 0, releases);
      const rate = (prior * PRIOR_RELEASES + seen) / (PRIOR_RELEASES + releases);
      return Math.min(NOT_ALWAYS, weightAt(rate));
    },
    likelihood: (weight) => (weight >= ALWAYS ? 1 : share * (1 - power(1 / (1 + weight / shape), shape))),
    weightFor(likelihood) {
      if (likelihood >= 1) return Number.POSITIVE_INFINITY;
      return likelihood >= share ? NOT_ALWAYS : weightAt(likelihood / share);
    },
  };
}

function shapeFor(changes: ChangeHistory["changes"]): number {
  let seen = PRIOR_SHAPE;
  for (const count of changes.values()) seen += count;
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
