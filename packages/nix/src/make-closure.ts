import { NixError } from "./errors.ts";
import type { Closure, PathInfo } from "./path-info.ts";
import { compareStorePaths, type StorePath } from "./store-path.ts";

/**
 * Makes a closure of what a store or a text said: sorted, without repetition, complete.
 * @throws NixError `format-invalid` when a root or a reference is not among the paths, naming both ends; when a path is
 *   listed twice with different contents
 */
export function makeClosure(
  storeDir: string,
  roots: readonly StorePath[],
  infos: readonly PathInfo[],
): Closure {
  const byPath = new Map<StorePath, PathInfo>();
  for (const info of infos) {
    const other = byPath.get(info.path);
    if (other !== undefined && !isSame(info, other)) {
      throw new NixError("format-invalid", `${info.path} is listed twice, with different contents`, {
        path: info.path,
        hint: "Export the closure again, from one store.",
      });
    }
    byPath.set(info.path, info);
  }
  for (const info of byPath.values()) {
    const outside = info.references.find((reference) => !byPath.has(reference));
    if (outside !== undefined) {
      throw new NixError(
        "format-invalid",
        `the closure is not complete: ${info.path} refers to ${outside}, which is not in it`,
        {
          path: info.path,
          hint: "Ask for the whole closure (nix-store -qR, nix path-info --recursive).",
        },
      );
    }
  }
  for (const root of roots) {
    if (!byPath.has(root))
      throw new NixError("format-invalid", `the root ${root} is not in the closure`, { path: root });
  }
  const paths = [...byPath.values()].toSorted((a, b) => compareStorePaths(a.path, b.path));
  return { storeDir, roots: [...new Set(roots)], paths };
}

/** What differs between stores, such as the deriver, may differ. */
function isSame(a: PathInfo, b: PathInfo): boolean {
  const references = a.references.length === b.references.length;
  return (
    a.narHash === b.narHash &&
    a.narSize === b.narSize &&
    references &&
    a.references.every((path, index) => path === b.references[index])
  );
}
