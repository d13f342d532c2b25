import { storePathBaseName, storePathName, type StorePath } from "@stowage/nix";
import { packageOf } from "../../analyze/package-of.ts";
import type { ClosureGraph } from "../closure-graph.ts";

/** A path as a drawing shows it. */
export interface GraphNode {
  readonly position: number;
  /** `<hash>-<name>`, unique in a store. */
  readonly id: string;
  /** What follows the hash. */
  readonly label: string;
  readonly path: StorePath;
  readonly name: string;
  readonly version: string;
  /** Bytes of NAR. */
  readonly narSize: number;
  readonly isRoot: boolean;
}

/** The nodes of a drawing, in path order. */
export function graphNodes(graph: ClosureGraph): GraphNode[] {
  const isRoot = new Set(graph.roots);
  return graph.infos.map((info, position) => {
    const { name, version } = packageOf(info);
    const { path, narSize } = info;
    return {
      position,
      id: storePathBaseName(path),
      label: storePathName(path),
      path,
      name,
      version,
      narSize,
      isRoot: isRoot.has(position),
    };
  });
}

/** Each reference from a path to what it refers to, in path order of both; self-references left out. */
export function* graphEdges(graph: ClosureGraph): Generator<readonly [from: number, to: number]> {
  for (const [from, references] of graph.references.entries()) {
    for (const to of references) yield [from, to];
  }
}
