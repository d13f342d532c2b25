import { makeClosure, queryGcState, type GcState, type StorePath } from "@stowage/nix";
import type { GcSettings } from "@stowage/nix/internal";
import { shareRoots, type RootShares } from "./analyze/roots.ts";
import { buildGraph, type ClosureGraph } from "./graph/closure-graph.ts";

/** Which store's roots are meant. */
export interface RootsOptions {
  /** A store as Nix names it; default as the environment says. */
  readonly store?: string | undefined;
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the roots of a store hold, by the settings that its Nix collects with. */
export interface StoreRoots extends RootShares {
  readonly settings: GcSettings;
}

/**
 * What only each garbage collector root of a store holds: what removing it would free. What `keep-derivations` and
 * `keep-outputs` of the Nix configuration keep besides references counts too.
 * @throws NixError for a store that cannot be asked
 */
export async function analyzeRoots(options: RootsOptions = {}): Promise<StoreRoots> {
  const { store: url, environment, signal } = options;
  const state = await queryGcState({ url, environment, signal });
  const links = new Map<StorePath, string[]>();
  for (const { link, path } of state.roots) links.set(path, [...(links.get(path) ?? []), link]);
  const shares = shareRoots(liveGraph(state, [...links.keys()].toSorted()), links);
  return { ...shares, settings: state.settings };
}

/** An edge to whatever lives as long: a collector makes no difference between a reference and a keeping. */
function liveGraph({ storeDir, paths, keeps }: GcState, roots: readonly StorePath[]): ClosureGraph {
  const infos = paths.map((info) => {
    const kept = keeps.get(info.path);
    if (kept === undefined) return info;
    return { ...info, references: [...new Set([...info.references, ...kept])].toSorted() };
  });
  return buildGraph(makeClosure(storeDir, roots, infos));
}
