import { storePathName, type StorePath } from "@stowage/nix";
import type { ImageView } from "../image-view.ts";
import type { RootTree } from "./root-tree.ts";

const copied = ["bin", "etc", "share", "lib"];

/**
 * Symlinks the targets' `bin`, `etc`, `share` and `lib` entries into `/`, as dockerTools' `copyToRoot` does. A
 * directory that two targets have becomes a directory with the entries of both.
 * @throws CoreError `place-clash` naming both targets, when they bring different files for one place
 */
export function putCopiesToRoot(tree: RootTree, view: ImageView, targets: readonly StorePath[]): void {
  for (const directory of copied) {
    const sources = targets
      .map((target) => ({ target, place: `${target}/${directory}` }))
      .filter(({ place }) => view.find(place)?.type === "directory");
    merge(tree, view, `/${directory}`, sources);
  }
}

/** A place inside a target's store path. */
interface Source {
  readonly target: StorePath;
  readonly place: string;
}

function merge(tree: RootTree, view: ImageView, place: string, sources: readonly Source[]): void {
  const byName = new Map<string, Source[]>();
  for (const { target, place: directory } of sources) {
    for (const name of view.list(directory)) {
      byName.set(name, [...(byName.get(name) ?? []), { target, place: `${directory}/${name}` }]);
    }
  }
  for (const [name, candidates] of byName) {
    const child = `${place}/${name}`;
    if (
      candidates.length > 1 &&
      candidates.every((source) => view.find(source.place)?.type === "directory")
    ) {
      merge(tree, view, child, candidates);
    } else {
      for (const { target, place: source } of candidates) {
        const origin = `--copy-to-root of ${storePathName(target)}`;
        tree.put(child, { type: "symlink", mode: 0o777, target: source, origin });
      }
    }
  }
}
