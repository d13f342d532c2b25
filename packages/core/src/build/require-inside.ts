import { NixError, type Store, type StorePath, type Target } from "@stowage/nix";
import { ImageView } from "./image-view.ts";
import { RootTree } from "./root/root-tree.ts";
import { TreeHolder } from "./tree-holder.ts";

/**
 * Requires that there is something at the places that targets name inside paths that are not on this machine, where nobody could look
 * before. Those of a store on this machine were looked at when they were resolved.
 * @throws NixError `target-missing`
 */
export async function requireInside(
  view: ImageView,
  targets: readonly Target[],
  isHere: (path: StorePath) => boolean,
): Promise<void> {
  for (const { given, storePath, subpath } of targets) {
    if (subpath === "" || isHere(storePath) || (await view.has(`${storePath}/${subpath}`))) continue;
    throw new NixError("target-missing", `'${given}' points into ${storePath}, which has nothing there`, {
      path: given,
      hint: "Name the store path itself, or a place inside it that there is.",
    });
  }
}

/** The same for who reads no trees otherwise: what has to be looked into is brought here for that. */
export async function requireInsideStore(
  store: Store,
  targets: readonly Target[],
  { paths, signal }: { readonly paths: readonly StorePath[]; readonly signal: AbortSignal | undefined },
): Promise<void> {
  await using trees = new TreeHolder(store, { signal });
  const view = new ImageView(trees, paths, new RootTree());
  await requireInside(view, targets, (path) => trees.isHere(path));
}
