import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import type { Earlier } from "./earlier.ts";
import type { ChangeHistory } from "./expected/rates.ts";
import { ownChanges } from "./own-changes.ts";
import { nameReader } from "./read-names.ts";

/**
 * What earlier releases teach about the next one. Each closure is compared with the one after it, the last with the
 * present one. What somebody counted already is added; a plan file says all that was known when it was made, so what
 * stands before it counts no more.
 * @param earlier from the oldest to the newest
 */
export function learnHistory(earlier: readonly Earlier[], present: ClosureGraph): ChangeHistory | undefined {
  if (earlier.length === 0) return undefined;
  let releases = 0;
  const changes = new Map<string, number>();
  let before: ClosureGraph | undefined;
  const compareWith = (after: ClosureGraph): void => {
    const changed = before === undefined ? new Set<string>() : changedPackages(before, after);
    // The same closure twice is no release.
    if (changed.size > 0) releases++;
    for (const name of changed) changes.set(name, (changes.get(name) ?? 0) + 1);
    before = after;
  };
  for (const { graph, history } of earlier) {
    if (history !== undefined) {
      if (graph !== undefined) {
        releases = 0;
        changes.clear();
        before = undefined;
      }
      releases += history.releases;
      for (const [name, times] of history.changes) changes.set(name, (changes.get(name) ?? 0) + times);
    }
    if (graph !== undefined) compareWith(graph);
  }
  compareWith(present);
  return { releases, changes: new Map([...changes].toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}

function changedPackages(before: ClosureGraph, after: ClosureGraph): Set<string> {
  const read = nameReader(after.infos);
  return new Set(ownChanges(before, after).map((position) => read(infoAt(after, position)).name));
}
