import type { PathInfo } from "@stowage/nix";
import { packageReader, type ComparablePackage } from "../analyze/package-of.ts";

/**
 * A reader of packages that looks at names alone. What built a path is known to one store and not to another, and a plan
 * must not depend on that.
 */
export function nameReader(infos: readonly PathInfo[]): (info: PathInfo) => ComparablePackage {
  const bare = ({ path, narHash, narSize, references }: PathInfo): PathInfo => ({
    path,
    narHash,
    narSize,
    references,
  });
  const read = packageReader(infos.map(bare));
  return (info) => read(bare(info));
}
