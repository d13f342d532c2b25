import { openStore, queryGcRoots, type StorePath } from "@stowage/nix";
import { shareRoots, type RootShares } from "./analyze/roots.ts";
import { buildGraph } from "./graph/closure-graph.ts";

export interface RootsOptions {
  /** A store as Nix names it; default as the environment says. */
  readonly store?: string | undefined;
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What only each garbage collector root of a store holds: what removing it would free. References count, not what
 * `keep-outputs` and `keep-derivations` of a Nix configuration keep besides.
 * @throws NixError for a store that cannot be asked
 */
export async function analyzeRoots(options: RootsOptions = {}): Promise<RootShares> {
  const { store: url, environment, signal } = options;
  const roots = await queryGcRoots({ url, environment, signal });
  const links = new Map<StorePath, string[]>();
  for (const { link, path } of roots) links.set(path, [...(links.get(path) ?? []), link]);
  const closure = await openStore({ url, environment }).queryClosure([...links.keys()].toSorted(), {
    signal,
  });
  return shareRoots(buildGraph(closure), links);
}
