import type { ClosureGraph } from "../graph/closure-graph.ts";
import type { packageReader } from "./package-of.ts";
import { compareCopies, type Copy } from "./pair-copies.ts";

/** The paths of a closure by package name, oldest version first. */
export function copiesByName(
  graph: ClosureGraph,
  read: ReturnType<typeof packageReader>,
): Map<string, Copy[]> {
  const copies = new Map<string, Copy[]>();
  for (const info of graph.infos) {
    const { name, version, output } = read(info);
    const copy: Copy = { path: info.path, version, output, narSize: info.narSize };
    const others = copies.get(name);
    if (others === undefined) copies.set(name, [copy]);
    else others.push(copy);
  }
  for (const group of copies.values()) group.sort(compareCopies);
  return copies;
}
