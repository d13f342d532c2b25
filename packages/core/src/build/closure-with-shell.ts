import type { Closure, Store, StorePath } from "@stowage/nix";
import { ImageView } from "./image-view.ts";
import { RootTree } from "./root/root-tree.ts";
import { findShellProgram, shellPrograms } from "./root/shell.ts";

/**
 * The closure of the targets, and where it lacks a shell or `env`, of the store's newest package that has it.
 * What is nowhere is left out: {@link composeRoot} says so.
 */
export async function closureWithShell(
  store: Store,
  closure: Closure,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<Closure> {
  const paths = closure.paths.map((info) => info.path);
  const view = new ImageView(store, paths, new RootTree());
  const missing = shellPrograms.filter((wanted) => findShellProgram(view, paths, wanted) === undefined);
  const found: StorePath[] = [];
  for (const wanted of missing) {
    const candidates = await store.findPackages(wanted.packages, options);
    const inStore = new ImageView(store, candidates, new RootTree());
    const path = candidates.find((candidate) => findShellProgram(inStore, [candidate], wanted) !== undefined);
    if (path !== undefined) found.push(path);
  }
  if (found.length === 0) return closure;
  const wider = await store.queryClosure([...closure.roots, ...found], options);
  return { ...wider, roots: closure.roots };
}
