import type { StorePath } from "@stowage/nix";
import { compareVersions, versionParts } from "./compare-versions.ts";

/** One store path of a package. */
export interface Copy {
  readonly path: StorePath;
  /** Empty where there is none. */
  readonly version: string;
  /** `out` where the path is the package's main output or nothing says otherwise. */
  readonly output: string;
  readonly narSize: number;
}

/** Oldest version first; copies of one version by path. */
export function compareCopies(a: Copy, b: Copy): number {
  return compareVersions(a.version, b.version) || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
}

/** What was there before and what is there after; one of them may be missing. */
export type Pair = readonly [Copy | undefined, Copy | undefined];

/**
 * Pairs what was there before with what is there after, each copy at most once: equal versions first, then the pairs
 * whose versions share the most leading parts, of those the newest with the newest. Copies without a partner stand
 * alone.
 */
export function pairCopies(before: readonly Copy[], after: readonly Copy[]): Pair[] {
  const old = byVersion(before);
  const young = byVersion(after);
  const pairs: Pair[] = [];
  for (const [one, other] of candidates([...old.values()], [...young.values()])) {
    while (one.copies.length > 0 && other.copies.length > 0) {
      pairs.push([one.copies.shift(), other.copies.shift()]);
    }
  }
  for (const { copies } of old.values()) pairs.push(...copies.map((copy): Pair => [copy, undefined]));
  for (const { copies } of young.values()) pairs.push(...copies.map((copy): Pair => [undefined, copy]));
  return pairs.toSorted(([a, b], [c, d]) => compareCopies((a ?? b) as Copy, (c ?? d) as Copy));
}

interface Version {
  readonly parts: readonly string[];
  /** Those that have no partner yet, by path. */
  readonly copies: Copy[];
}

/** Newest version first. */
function byVersion(copies: readonly Copy[]): Map<string, Version> {
  const versions = new Map<string, Version>();
  for (const { version } of copies.toSorted(compareCopies).toReversed()) {
    versions.set(version, { parts: versionParts(version), copies: [] });
  }
  for (const copy of copies.toSorted(compareCopies)) versions.get(copy.version)?.copies.push(copy);
  return versions;
}

/** All pairs of versions, those that share most first, then the newest of both. */
function candidates(old: readonly Version[], young: readonly Version[]): [Version, Version][] {
  return old
    .flatMap((one) => young.map((other) => ({ one, other, shared: sharedParts(one, other) })))
    .toSorted((a, b) => b.shared - a.shared)
    .map(({ one, other }) => [one, other]);
}

function sharedParts({ parts: left, copies: [a] }: Version, { parts: right, copies: [b] }: Version): number {
  if (a?.version === b?.version) return Number.MAX_SAFE_INTEGER;
  const differing = left.findIndex((part, index) => part !== right[index]);
  return differing === -1 ? left.length : differing;
}
