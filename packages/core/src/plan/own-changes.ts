import type { StorePath } from "@stowage/nix";
import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import { nameReader } from "./read-names.ts";

/**
 * The positions of a later closure whose paths changed by themselves: those that the earlier one does not have, and that
 * either refer to nothing that changed or have a name with a version that was not there before. All other new paths
 * only follow what they refer to.
 */
export function ownChanges(before: ClosureGraph, after: ClosureGraph): number[] {
  const isNew = (path: StorePath): boolean => before.positionOf(path) === undefined;
  const read = nameReader([...before.infos, ...after.infos]);
  const known = new Set(before.infos.map((info) => nameAndVersion(read(info))));
  return [...after.infos.keys()].filter((position) => {
    const info = infoAt(after, position);
    if (!isNew(info.path)) return false;
    const others = (after.references[position] as readonly number[]).map(
      (other) => infoAt(after, other).path,
    );
    return !others.some(isNew) || !known.has(nameAndVersion(read(info)));
  });
}

function nameAndVersion({ name, version }: { readonly name: string; readonly version: string }): string {
  return `${name}\0${version}`;
}
