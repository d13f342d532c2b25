/**
 * Which of two versions is newer, as Nix decides it (`builtins.compareVersions`, Nix 2.34 `src/libstore/names.cc`):
 * split at dots, dashes and between digits and letters; numbers compare as numbers and stand above words, `pre` stands
 * below everything, nothing below a number and above `pre`.
 */
export function compareVersions(a: string, b: string): number {
  const left = versionParts(a);
  const right = versionParts(b);
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const one = left[index] ?? "";
    const other = right[index] ?? "";
    if (isBelow(one, other)) return -1;
    if (isBelow(other, one)) return 1;
  }
  return 0;
}

/** The parts of a version, which are compared one by one. */
export function versionParts(version: string): string[] {
  return version.match(/\d+|[^\d.-]+/g) ?? [];
}

function isBelow(a: string, b: string): boolean {
  const [aIsNumber, bIsNumber] = [/^\d/.test(a), /^\d/.test(b)];
  if (aIsNumber && bIsNumber) return BigInt(a) < BigInt(b);
  if (a === "" && bIsNumber) return true;
  if (a === "pre") return b !== "pre";
  if (b === "pre") return false;
  if (bIsNumber) return true;
  return !aIsNumber && a < b;
}
