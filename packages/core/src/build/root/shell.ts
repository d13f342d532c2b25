import { parsePackageName, storePathName, type StorePath } from "@stowage/nix";
import type { ImageView } from "../image-view.ts";
import type { RootTree } from "./root-tree.ts";

/** A program that `--with shell` links to a place where scripts expect it. */
export interface ShellProgram {
  readonly place: string;
  /** Where it may lie in a store path, best first. */
  readonly inside: readonly string[];
  /** Packages that have it, best first. */
  readonly packages: readonly string[];
}

/** `/bin/sh` and `/usr/bin/env`, which scripts from outside Nix name in their first line. */
export const shellPrograms: readonly ShellProgram[] = [
  {
    place: "/bin/sh",
    inside: ["bin/sh", "bin/bash", "bin/dash", "bin/busybox"],
    packages: ["bash", "bash-interactive", "dash", "busybox"],
  },
  {
    place: "/usr/bin/env",
    inside: ["bin/env"],
    packages: ["coreutils", "coreutils-full", "uutils-coreutils", "busybox"],
  },
];

/** Where a program lies in the closure; the best package's, else the first path's that has it; undefined where none has. */
export async function findShellProgram(
  view: ImageView,
  paths: readonly StorePath[],
  wanted: ShellProgram,
): Promise<string | undefined> {
  const rank = (path: StorePath): number => {
    const at = wanted.packages.indexOf(parsePackageName(storePathName(path)).name);
    return at === -1 ? wanted.packages.length : at;
  };
  for (const path of paths.toSorted((a, b) => rank(a) - rank(b))) {
    for (const inside of wanted.inside) {
      const place = `${path}/${inside}`;
      if ((await view.findProgram(place)) !== undefined) return place;
    }
  }
  return undefined;
}

export function putShellProgram(tree: RootTree, wanted: ShellProgram, target: string): void {
  tree.putIfFree(wanted.place, { type: "symlink", mode: 0o777, target, origin: "--with shell" });
}
