import type { Closure, Store, StorePath } from "@stowage/nix";
import { ImageView } from "./image-view.ts";
import { RootTree } from "./root/root-tree.ts";
import type { TreeHolder } from "./tree-holder.ts";
import { findShellProgram, shellPrograms } from "./root/shell.ts";

/**
 * The closure of the targets, and where it lacks a shell or `env`, of the store's newest package that has it.
 * What is nowhere is left out: {@link composeRoot} says so.
 */
export async function closureWithShell(
  { store, trees }: { readonly store: Store; readonly trees: TreeHolder },
  closure: Closure,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<Closure> {
  const paths = closure.paths.map((info) => info.path);
  const view = new ImageView(trees, paths, new RootTree());
  const found: StorePath[] = [];
  for (const wanted of shellPrograms) {
    if ((await findShellProgram(view, paths, wanted)) !== undefined) continue;
    const candidates = await store.findPackages(wanted.packages, options);
    const inStore = new ImageView(trees, candidates, new RootTree());
    for (const candidate of candidates) {
      if ((await findShellProgram(inStore, [candidate], wanted)) === undefined) continue;
      found.push(candidate);
      break;
    }
  }
  if (found.length === 0) return closure;
  const wider = await store.queryClosure([...closure.roots, ...found], options);
  return { ...wider, roots: closure.roots };
}
