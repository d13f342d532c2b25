import { storePathName, type StorePath } from "@stowage/nix";
import { CoreError } from "../../errors.ts";
import type { ImageView } from "../image-view.ts";
import { isWithin } from "./place.ts";
import type { RootTree } from "./root-tree.ts";

/** What Nix's builders leave for each other, which is nothing for a container. */
const forBuilders = new Set(["nix-support"]);

/**
 * Symlinks what the targets hold into `/`, as dockerTools' `copyToRoot` and `contents` do: `bin/tool` becomes `/bin/tool`. The
 * directories themselves are real, and one that two targets have has the entries of both.
 * @throws CoreError `place-clash` naming both targets, when they bring different files for one place
 */
export async function putCopiesToRoot(
  tree: RootTree,
  view: ImageView,
  { targets, storeDir }: { readonly targets: readonly StorePath[]; readonly storeDir: string },
): Promise<void> {
  const sources = targets.map((target) => ({ target, place: target }));
  for (const [name, candidates] of await byName(view, sources)) {
    if (forBuilders.has(name)) continue;
    if (await areDirectories(view, candidates)) await merge({ tree, view, storeDir }, `/${name}`, candidates);
    else link({ tree, storeDir }, `/${name}`, candidates);
  }
}

/** A place inside a target's store path. */
interface Source {
  readonly target: StorePath;
  readonly place: string;
}

interface Copying {
  readonly tree: RootTree;
  readonly view: ImageView;
  readonly storeDir: string;
}

async function merge(copying: Copying, place: string, sources: readonly Source[]): Promise<void> {
  for (const [name, candidates] of await byName(copying.view, sources)) {
    const child = `${place}/${name}`;
    // What others put into /usr/bin finds a directory there.
    const isShared = candidates.length > 1 || place === "/usr";
    if (isShared && (await areDirectories(copying.view, candidates))) await merge(copying, child, candidates);
    else link(copying, child, candidates);
  }
}

async function byName(view: ImageView, sources: readonly Source[]): Promise<Map<string, Source[]>> {
  const found = new Map<string, Source[]>();
  for (const { target, place } of sources) {
    for (const name of await view.list(place)) {
      found.set(name, [...(found.get(name) ?? []), { target, place: `${place}/${name}` }]);
    }
  }
  return found;
}

async function areDirectories(view: ImageView, sources: readonly Source[]): Promise<boolean> {
  const found = await Promise.all(sources.map(({ place }) => view.find(place)));
  return found.every((each) => each?.type === "directory");
}

function link(
  { tree, storeDir }: Pick<Copying, "tree" | "storeDir">,
  place: string,
  sources: readonly Source[],
): void {
  for (const { target, place: source } of sources) {
    const origin = `--copy-to-root of ${storePathName(target)}`;
    if (isWithin(place, storeDir) || isWithin(storeDir, place)) {
      throw new CoreError("place-clash", `${place} is wanted by two: ${origin} and the store`, {
        path: place,
        hint: "Take what is in there as a target of its own.",
      });
    }
    tree.put(place, { type: "symlink", mode: 0o777, target: source, origin });
  }
}
