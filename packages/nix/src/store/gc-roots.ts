import { isStorePathBaseName, type StorePath } from "../store-path.ts";
import { readGcSettings, type GcSettings } from "./gc-settings.ts";
import { queryLivePaths, type LivePaths } from "./live-paths.ts";
import { runNixStore } from "./nix-store-command.ts";
import { locateStore } from "./store-location.ts";

/** Something that keeps a store path from being collected. */
export interface GcRoot {
  /** A link, a running process's file (`/proc/…`), or a word in braces where Nix does not say. */
  readonly link: string;
  readonly path: StorePath;
}

/** What a collection of a store would keep, and what for. */
export interface GcState extends LivePaths {
  readonly roots: readonly GcRoot[];
  readonly settings: GcSettings;
}

interface GcOptions {
  readonly url?: string | undefined;
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The roots of a store with all that they keep alive.
 * @throws NixError `store-unsupported`, `nix-missing`, `store-unavailable`, `path-invalid`, `nix-failed`
 */
export async function queryGcState(options: GcOptions = {}): Promise<GcState> {
  const environment = options.environment ?? process.env;
  const location = locateStore(options.url, environment);
  const call = { environment, signal: options.signal };
  const roots = await queryGcRoots(options);
  const settings = await readGcSettings(call);
  const paths = [...new Set(roots.map(({ path }) => path))].toSorted();
  return { roots, settings, ...(await queryLivePaths(paths, settings, location, call)) };
}

/**
 * The garbage collector's roots of a store, as `nix-store --gc --print-roots` prints them (Nix 2.8 to 2.34). Nix removes
 * links that lead nowhere from its list of roots while it looks; nothing else is changed.
 * @throws NixError `store-unsupported`, `nix-missing`, `store-unavailable`, `nix-failed`
 */
async function queryGcRoots(options: GcOptions): Promise<GcRoot[]> {
  const environment = options.environment ?? process.env;
  const location = locateStore(options.url, environment);
  const words = [...location.arguments, "--gc", "--print-roots"];
  const printed = await runNixStore(words, { environment, signal: options.signal });
  return parseGcRoots(printed, location.storeDir);
}

/** A link's name may hold line feeds and arrows; a store path holds neither. */
export function parseGcRoots(printed: string, storeDir: string): GcRoot[] {
  const roots: GcRoot[] = [];
  let name = "";
  for (const line of printed.split("\n")) {
    const at = line.lastIndexOf(" -> ");
    const path = at === -1 ? "" : line.slice(at + " -> ".length);
    const isWhole = path.startsWith(`${storeDir}/`) && isStorePathBaseName(path.slice(storeDir.length + 1));
    if (isWhole) roots.push({ link: name + line.slice(0, at), path: path as StorePath });
    name = isWhole ? "" : `${name}${line}\n`;
  }
  return roots;
}
