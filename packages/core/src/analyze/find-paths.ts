import { storePathBaseName, storePathHashPart, storePathName } from "@stowage/nix";
import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import { packageOf } from "./package-of.ts";

/**
 * The positions that someone means by a word, ascending. The first of these that fits anything decides: a store path or
 * a path inside one, its base name or hash part; a store path's name (`openssl-3.0.7-dev`); a package's name and
 * version (`openssl-3.0.7`); a package's name (`openssl`).
 */
export function findPaths(graph: ClosureGraph, word: string): number[] {
  const inside = word.startsWith(`${graph.storeDir}/`) ? word.slice(graph.storeDir.length + 1) : word;
  const baseName = inside.split("/", 1)[0] as string;
  const fits: ((position: number) => boolean)[] = [
    (position) => {
      const { path } = infoAt(graph, position);
      return storePathBaseName(path) === baseName || storePathHashPart(path) === word;
    },
    (position) => storePathName(infoAt(graph, position).path) === word,
    (position) => {
      const { name, version } = packageOf(infoAt(graph, position));
      return version !== "" && `${name}-${version}` === word;
    },
    (position) => packageOf(infoAt(graph, position)).name === word,
  ];
  for (const fit of fits) {
    const positions = graph.infos.map((_, position) => position).filter(fit);
    if (positions.length > 0) return positions;
  }
  return [];
}
