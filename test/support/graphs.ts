import { createHash } from "node:crypto";
import { buildGraph, type ClosureGraph } from "@stowage/core";
import {
  encodeNix32,
  makeClosure,
  parseNarHash,
  parseStorePath,
  storePathName,
  type PathInfo,
  type StorePath,
} from "@stowage/nix";

/** A store path with a hash part made from its name: the same name, the same path. */
export function storePathOf(name: string): StorePath {
  const hash = encodeNix32(createHash("sha256").update(name).digest().subarray(0, 20));
  return parseStorePath(`/nix/store/${hash}-${name}`);
}

/** What a store would know of a path; the size, where none is given, is 100. */
export function pathInfoOf(name: string, references: readonly string[], narSize = 100): PathInfo {
  return {
    path: storePathOf(name),
    narHash: parseNarHash(`sha256:${createHash("sha256").update(`nar of ${name}`).digest("hex")}`),
    narSize,
    references: references.map(storePathOf).toSorted(),
  };
}

/** The graph of a closure written as names with the names they refer to; roots are the unreferenced. */
export function graphOf(
  references: Readonly<Record<string, readonly string[]>>,
  narSizes: Readonly<Record<string, number>> = {},
): ClosureGraph {
  const referenced = new Set(
    Object.entries(references).flatMap(([name, targets]) => targets.filter((target) => target !== name)),
  );
  const roots = Object.keys(references).filter((name) => !referenced.has(name));
  const infos = Object.entries(references).map(([name, targets]) =>
    pathInfoOf(name, targets, narSizes[name]),
  );
  return buildGraph(makeClosure("/nix/store", roots.map(storePathOf), infos));
}

/** The names of a graph's paths, by position. */
export function names(graph: ClosureGraph): string[] {
  return graph.infos.map((info) => storePathName(info.path));
}
