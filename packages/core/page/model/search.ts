import type { ClosureModel } from "./closure-model.ts";

/**
 * The positions whose path, package, version or output has all the words, whatever their case; undefined where nothing is searched for.
 */
export function findMatches(model: ClosureModel, query: string): Set<number> | undefined {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return undefined;
  return new Set(
    model.positions.filter((position) => words.every((word) => model.texts[position]?.includes(word))),
  );
}
