import { storePathName, type StorePath } from "@stowage/nix";

/** Whether a pattern fits a path's package name, or what follows the hash in the path: `openssl*`, `*-3.0.7-dev`. */
export function matchesPackage(pattern: string, { path, name }: PackagePath): boolean {
  return matchesGlob(pattern, name) || matchesGlob(pattern, storePathName(path));
}

interface PackagePath {
  readonly path: StorePath;
  readonly name: string;
}

/** Whether a name fits a pattern in which `*` stands for any characters and `?` for one. Linear, whatever the pattern. */
export function matchesGlob(pattern: string, name: string): boolean {
  let [inPattern, inName] = [0, 0];
  /** After the last `*`, and how much of the name it stands for so far. */
  let [afterStar, starEnd] = [-1, 0];
  while (inName < name.length) {
    const wanted = pattern[inPattern];
    if (wanted === "*") {
      afterStar = ++inPattern;
      starEnd = inName;
    } else if (wanted === "?" || wanted === name[inName]) {
      inPattern++;
      inName++;
    } else if (afterStar !== -1) {
      inPattern = afterStar;
      inName = ++starEnd;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(inPattern));
}
