import type { StorePath } from "@stowage/nix";
import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import { condense } from "../graph/condensation.ts";
import { sourcesReaching } from "../graph/lanes.ts";
import { chainsFrom } from "../graph/traverse.ts";
import { compareVersions } from "./compare-versions.ts";
import { copiesByName } from "./copies-by-name.ts";
import { packageReader } from "./package-of.ts";
import type { Copy } from "./pair-copies.ts";
import { mergedSavings } from "./merged-savings.ts";
import { chainPaths, type Chain } from "./why.ts";

/** One of several store paths of the same package and output. */
export interface DuplicateCopy extends Copy {
  /** Whether this is the one to keep: the newest version, of those the largest, of those the first in path order. */
  readonly keep: boolean;
  /** The shortest chain from a root. */
  readonly chain: Chain;
  /** What the roots refer to directly (or are themselves) and this copy is behind. */
  readonly branches: readonly StorePath[];
  readonly referrers: readonly StorePath[];
}

/** The same package and output more than once: in several versions, or in one version from several builds. */
export interface Duplicate {
  readonly name: string;
  readonly output: string;
  /** Oldest first, without repetition. */
  readonly versions: readonly string[];
  /** The one to keep first, then largest first. */
  readonly copies: readonly DuplicateCopy[];
  /** Bytes of NAR of all copies but the one to keep. */
  readonly wasted: number;
  /**
   * Bytes of NAR the closure would lose if whatever refers to another copy referred to the one to keep: those copies
   * and what only they need. Savings of several packages overlap where one's copies need the other's.
   */
  readonly saves: number;
}

/** The packages that a closure has more than once, in path order of what they save: largest first, then by name. */
export function findDuplicates(graph: ClosureGraph): Duplicate[] {
  const groups = duplicateGroups(graph);
  const positions = groups.map(({ copies }) => copies.map((copy) => graph.positionOf(copy.path) as number));
  const saves = mergedSavings(
    graph,
    positions.map(([kept, ...others]) => ({ kept: kept as number, others })),
  );
  const describe = copyDescriber(graph, positions.flat());
  return groups
    .map(({ name, output, copies }, index) => ({
      name,
      output,
      versions: [...new Set(copies.map(({ version }) => version))].toSorted(compareVersions),
      copies: copies.map((copy, place) => ({ ...copy, keep: place === 0, ...describe(copy) })),
      wasted: copies.slice(1).reduce((sum, { narSize }) => sum + narSize, 0),
      saves: saves[index] as number,
    }))
    .toSorted((a, b) => b.saves - a.saves || compareText(a.name, b.name) || compareText(a.output, b.output));
}

interface Group {
  readonly name: string;
  readonly output: string;
  /** The one to keep first. */
  readonly copies: readonly Copy[];
}

function duplicateGroups(graph: ClosureGraph): Group[] {
  const byName = copiesByName(graph, packageReader(graph.infos));
  return [...byName].flatMap(([name, copies]) =>
    [...Map.groupBy(copies, ({ output }) => output)]
      .filter(([, group]) => group.length > 1)
      .map(([output, group]) => ({ name, output, copies: keptFirst(group) })),
  );
}

function keptFirst(copies: readonly Copy[]): Copy[] {
  const bySize = copies.toSorted((a, b) => b.narSize - a.narSize || compareText(a.path, b.path));
  const [kept] = bySize.toSorted((a, b) => compareVersions(b.version, a.version)) as [Copy, ...Copy[]];
  return [kept, ...bySize.filter((copy) => copy !== kept)];
}

function copyDescriber(
  graph: ClosureGraph,
  positions: readonly number[],
): (copy: Copy) => Pick<DuplicateCopy, "chain" | "branches" | "referrers"> {
  const chains = chainsFrom(graph, graph.roots);
  const direct = graph.roots.flatMap((root) => [root, ...(graph.references[root] as readonly number[])]);
  const branches = [...new Set(direct)].toSorted((a, b) => a - b);
  const isRoot = new Set(graph.roots);
  const reaching = sourcesReaching(condense(graph), branches, positions);
  const paths = (of: readonly number[]): StorePath[] => of.map((position) => infoAt(graph, position).path);
  return ({ path }) => {
    const position = graph.positionOf(path) as number;
    const behind = (reaching.get(position) as number[]).filter(
      (branch) => !isRoot.has(branch) || branch === position,
    );
    return {
      chain: chainPaths(graph, chains.to(position) ?? []),
      branches: paths(behind),
      referrers: paths(graph.referrers[position] as readonly number[]),
    };
  };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
