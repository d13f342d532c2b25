import type { ClosureGraph } from "../graph/closure-graph.ts";
import { copiesByName } from "./copies-by-name.ts";
import { packageReader } from "./package-of.ts";
import { pairCopies, type Copy, type Pair } from "./pair-copies.ts";

/** What became of a store path or a package. `rebuilt`: same name and version, other hash. */
export type ChangeKind = "added" | "removed" | "changed" | "rebuilt";

/** A store path and what took its place. */
export interface PathChange {
  readonly kind: ChangeKind;
  readonly before?: Copy;
  readonly after?: Copy;
  /** Bytes of NAR, after minus before. */
  readonly delta: number;
}

/** All that happened to the paths of one package name. */
export interface PackageChange {
  readonly name: string;
  /** `added` and `removed` only where the other closure has no path of that name at all. */
  readonly kind: ChangeKind;
  /** Versions in each closure, unchanged paths included, oldest first; a package without one has the empty string. */
  readonly versionsBefore: readonly string[];
  readonly versionsAfter: readonly string[];
  readonly delta: number;
  readonly changes: readonly PathChange[];
}

/** How two closures differ. */
export interface ClosureDiff {
  /** Largest change of size first, either way; then by name. */
  readonly packages: readonly PackageChange[];
  readonly totals: {
    readonly before: { readonly paths: number; readonly narSize: number };
    readonly after: { readonly paths: number; readonly narSize: number };
    readonly delta: number;
    /** Paths that both closures have. */
    readonly unchangedPaths: number;
    /** How many package changes there are of each kind. */
    readonly packages: Readonly<Record<ChangeKind, number>>;
  };
}

/**
 * Compares two closures package by package. Paths that both have are unchanged; of the others, those of one package
 * name and output are paired: equal versions first (rebuilt), then those whose versions share the most leading parts,
 * the newer first; what is left over was added or removed.
 */
export function diffClosures(before: ClosureGraph, after: ClosureGraph): ClosureDiff {
  const packages = packageChanges(before, after).toSorted(
    (a, b) => Math.abs(b.delta) - Math.abs(a.delta) || (a.name < b.name ? -1 : 1),
  );
  const [totalBefore, totalAfter] = [measure(before), measure(after)];
  const count = (kind: ChangeKind): number => packages.filter((change) => change.kind === kind).length;
  return {
    packages,
    totals: {
      before: totalBefore,
      after: totalAfter,
      delta: totalAfter.narSize - totalBefore.narSize,
      unchangedPaths: before.infos.filter((info) => after.positionOf(info.path) !== undefined).length,
      packages: {
        added: count("added"),
        removed: count("removed"),
        changed: count("changed"),
        rebuilt: count("rebuilt"),
      },
    },
  };
}

function measure(graph: ClosureGraph): { paths: number; narSize: number } {
  return { paths: graph.infos.length, narSize: graph.infos.reduce((sum, info) => sum + info.narSize, 0) };
}

function packageChanges(before: ClosureGraph, after: ClosureGraph): PackageChange[] {
  const read = packageReader([...before.infos, ...after.infos]);
  const left = copiesByName(before, read);
  const right = copiesByName(after, read);
  const names = new Set([...left.keys(), ...right.keys()]);
  return [...names].flatMap((name) => {
    const [old, young] = [left.get(name) ?? [], right.get(name) ?? []];
    const changes = pathChanges(
      old.filter(({ path }) => after.positionOf(path) === undefined),
      young.filter(({ path }) => before.positionOf(path) === undefined),
    );
    if (changes.length === 0) return [];
    return {
      name,
      kind: kindOfPackage(old, young, changes),
      versionsBefore: versions(old),
      versionsAfter: versions(young),
      delta: changes.reduce((sum, change) => sum + change.delta, 0),
      changes,
    };
  });
}

function pathChanges(before: readonly Copy[], after: readonly Copy[]): PathChange[] {
  const outputs = [...new Set([...before, ...after].map(({ output }) => output))].toSorted();
  return outputs.flatMap((output) => {
    const isOfOutput = (copy: Copy): boolean => copy.output === output;
    return pairCopies(before.filter(isOfOutput), after.filter(isOfOutput)).map(describePair);
  });
}

function describePair([before, after]: Pair): PathChange {
  const delta = (after?.narSize ?? 0) - (before?.narSize ?? 0);
  if (before === undefined) return { kind: "added", ...(after && { after }), delta };
  if (after === undefined) return { kind: "removed", before, delta };
  return { kind: before.version === after.version ? "rebuilt" : "changed", before, after, delta };
}

function kindOfPackage(
  before: readonly Copy[],
  after: readonly Copy[],
  changes: readonly PathChange[],
): ChangeKind {
  if (before.length === 0) return "added";
  if (after.length === 0) return "removed";
  return changes.every((change) => change.kind === "rebuilt") ? "rebuilt" : "changed";
}

/** Copies are sorted by version already. */
function versions(copies: readonly Copy[]): string[] {
  return [...new Set(copies.map(({ version }) => version))];
}
