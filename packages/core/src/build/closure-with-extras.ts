import type { Closure, Store, StorePath } from "@stowage/nix";
import { ImageView } from "./image-view.ts";
import { extraParts, findExtraPart, type Extra } from "./root/extras.ts";
import { RootTree } from "./root/root-tree.ts";
import type { TreeHolder } from "./tree-holder.ts";

/**
 * The closure of the targets, and where it lacks something of the extras, of the store's newest package that has it.
 * What is nowhere is left out: {@link composeRoot} says so.
 */
export async function closureWithExtras(
  { store, trees }: { readonly store: Store; readonly trees: TreeHolder },
  closure: Closure,
  extras: readonly Extra[],
  options: { readonly signal?: AbortSignal | undefined },
): Promise<Closure> {
  const paths = closure.paths.map((info) => info.path);
  const view = new ImageView(trees, paths, new RootTree());
  const found: StorePath[] = [];
  for (const part of extraParts(extras)) {
    if ((await findExtraPart(view, paths, part)) !== undefined) continue;
    const candidates = await store.findPackages(part.packages, options);
    const inStore = new ImageView(trees, candidates, new RootTree());
    for (const candidate of candidates) {
      if ((await findExtraPart(inStore, [candidate], part)) === undefined) continue;
      found.push(candidate);
      break;
    }
  }
  if (found.length === 0) return closure;
  const wider = await store.queryClosure([...closure.roots, ...found], options);
  return { ...wider, roots: closure.roots };
}
