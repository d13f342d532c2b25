import { parsePackageName } from "../package-name.ts";
import { storePathName, type StorePath } from "../store-path.ts";

/** Those of some paths that are of these packages: the first name's first, the newest version first; no derivations. */
export function rankPackages(paths: readonly StorePath[], names: readonly string[]): StorePath[] {
  return paths
    .map((path) => ({ path, ...parsePackageName(storePathName(path)) }))
    .filter(({ name, version }) => names.includes(name) && !version.endsWith(".drv"))
    .toSorted(
      (a, b) =>
        names.indexOf(a.name) - names.indexOf(b.name) ||
        b.version.localeCompare(a.version, "en", { numeric: true }) ||
        (a.path < b.path ? -1 : 1),
    )
    .map(({ path }) => path);
}
