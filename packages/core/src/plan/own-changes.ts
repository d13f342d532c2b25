import type { PathInfo, StorePath } from "@stowage/nix";
import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import { nameReader } from "./read-names.ts";

/**
 * Whether a path of one closure is not in another with the same contents: a store path may be built again to other bytes.
 */
export function isOtherIn(before: ClosureGraph, { path, narHash }: PathInfo): boolean {
  const position = before.positionOf(path);
  return position === undefined || infoAt(before, position).narHash !== narHash;
}

/**
 * The positions of a later closure whose paths changed by themselves: those that the earlier one does not have, and that
 * either refer to nothing new or have a name with a version that was not there before; and those that it has with
 * other contents. All other new paths only follow what they refer to.
 */
export function ownChanges(before: ClosureGraph, after: ClosureGraph): number[] {
  const isNew = (path: StorePath): boolean => before.positionOf(path) === undefined;
  const read = nameReader([...before.infos, ...after.infos]);
  const known = new Set(before.infos.map((info) => nameAndVersion(read(info))));
  return [...after.infos.keys()].filter((position) => {
    const info = infoAt(after, position);
    if (!isNew(info.path)) return isOtherIn(before, info);
    const others = (after.references[position] as readonly number[]).map(
      (other) => infoAt(after, other).path,
    );
    return !others.some(isNew) || !known.has(nameAndVersion(read(info)));
  });
}

function nameAndVersion({ name, version }: { readonly name: string; readonly version: string }): string {
  return `${name}\0${version}`;
}
