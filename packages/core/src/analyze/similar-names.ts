import type { ClosureGraph } from "../graph/closure-graph.ts";
import { packageOf } from "./package-of.ts";

const MOST = 5;

/** Names of packages in the closure that hold a word, whatever its case, or that the word begins with; shortest first. */
export function similarNames(graph: ClosureGraph, word: string): string[] {
  const wanted = word.toLowerCase();
  if (wanted.length < 2) return [];
  const names = new Set(graph.infos.map((info) => packageOf(info).name));
  return [...names]
    .filter((name) => {
      const own = name.toLowerCase();
      return own.includes(wanted) || (own.length > 2 && wanted.startsWith(own));
    })
    .toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1))
    .slice(0, MOST);
}
