import { storePathBaseName } from "@stowage/nix";
import type { ClosureDiff, PathChange } from "../analyze/diff.ts";
import type { Duplicate } from "../analyze/dupes.ts";
import type { ClosureGraph } from "../graph/closure-graph.ts";
import type { ReportDiff, ReportDuplicate, ReportPathChange } from "./report-data.ts";

/** The same as {@link Duplicate}s, with positions for paths. */
export function describeDuplicates(graph: ClosureGraph, duplicates: readonly Duplicate[]): ReportDuplicate[] {
  return duplicates.map(({ name, output, versions, wasted, saves, copies }) => ({
    name,
    output,
    versions,
    wasted,
    saves,
    copies: copies.map(({ path, chain }) => ({
      path: graph.positionOf(path) as number,
      chain: chain.map((each) => graph.positionOf(each) as number),
    })),
  }));
}

/**
 * The same as a {@link ClosureDiff}, with positions for the paths of the later closure.
 * @param from the word that named the earlier one
 */
export function describeDifference(graph: ClosureGraph, from: string, diff: ClosureDiff): ReportDiff {
  const { before, after, delta, unchangedPaths } = diff.totals;
  return {
    from,
    before,
    after,
    delta,
    unchangedPaths,
    packages: diff.packages.map(({ changes, ...change }) => ({
      ...change,
      changes: changes.map((each) => describeChange(graph, each)),
    })),
  };
}

function describeChange(graph: ClosureGraph, { kind, before, after, delta }: PathChange): ReportPathChange {
  const position = after && graph.positionOf(after.path);
  return {
    kind,
    output: (after ?? before)?.output ?? "out",
    delta,
    ...(before && { before: { base: storePathBaseName(before.path), narSize: before.narSize } }),
    ...(position === undefined ? {} : { after: position }),
  };
}
