import { storePathBaseName, type StorePath } from "@stowage/nix";
import type { ClosureDiff } from "../analyze/diff.ts";
import { packageReader } from "../analyze/package-of.ts";
import type { ClosureGraph } from "../graph/closure-graph.ts";
import { findDominators } from "../graph/dominators.ts";
import { computeSizes } from "../graph/sizes.ts";
import type { PathState, ReportPaths } from "./report-data.ts";

/** The columns of a closure's paths. */
export function describePaths(
  graph: ClosureGraph,
  layers: readonly (readonly StorePath[])[],
  diff: ClosureDiff | undefined,
): ReportPaths {
  const read = packageReader(graph.infos);
  const packages = graph.infos.map(read);
  const dominators = findDominators(graph);
  const sizes = computeSizes(graph, dominators);
  return {
    base: graph.infos.map(({ path }) => storePathBaseName(path)),
    name: packages.map(({ name }) => name),
    version: packages.map(({ version }) => version),
    output: packages.map(({ output }) => output),
    narSize: [...sizes.narSize],
    addedSize: [...sizes.addedSize],
    closureSize: [...sizes.closureSize],
    dominator: Array.from(dominators.immediate, (above) => Math.max(above, -1)),
    layer: layerOf(graph, layers),
    references: graph.references,
    ...(diff === undefined ? {} : { change: states(graph, diff) }),
  };
}

/** A path that several layers have is in the lowest. */
function layerOf(graph: ClosureGraph, layers: readonly (readonly StorePath[])[]): number[] {
  const indexes: number[] = graph.infos.map(() => -1);
  for (const [index, paths] of layers.entries()) {
    for (const path of paths) {
      const position = graph.positionOf(path);
      if (position !== undefined && indexes[position] === -1) indexes[position] = index;
    }
  }
  return indexes;
}

function states(graph: ClosureGraph, diff: ClosureDiff): PathState[] {
  const result: PathState[] = graph.infos.map(() => "same");
  for (const { kind, after } of diff.packages.flatMap(({ changes }) => changes)) {
    const position = after === undefined ? undefined : graph.positionOf(after.path);
    if (position !== undefined && kind !== "removed") result[position] = kind;
  }
  return result;
}
