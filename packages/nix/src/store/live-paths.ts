import type { PathInfo } from "../path-info.ts";
import { isStorePathBaseName, type StorePath } from "../store-path.ts";
import type { GcSettings } from "./gc-settings.ts";
import { batchArguments, runNixStore, type NixStoreOptions } from "./nix-store-command.ts";
import { queryClosure } from "./query-closure.ts";
import type { StoreLocation } from "./store-location.ts";

/** What a collection leaves in a store. */
export interface LivePaths {
  readonly storeDir: string;
  readonly paths: readonly PathInfo[];
  /** For each path what lives as long as it does without being referred to: its derivation, a derivation's outputs. */
  readonly keeps: ReadonlyMap<StorePath, readonly StorePath[]>;
}

/**
 * All that some roots keep alive: their closure, and as far as the settings say so the valid derivations of what is
 * alive, with their closures, and outputs of those. An output counts as that of the derivation it is recorded with.
 * @throws NixError `path-invalid`, `nix-missing`, `store-unavailable`, `nix-failed`
 */
export async function queryLivePaths(
  roots: readonly StorePath[],
  settings: GcSettings,
  location: StoreLocation,
  options: NixStoreOptions,
): Promise<LivePaths> {
  const infos = new Map<StorePath, PathInfo>();
  const keeps = new Map<StorePath, StorePath[]>();
  const keep = (path: StorePath, kept: StorePath): void => {
    keeps.set(path, [...(keeps.get(path) ?? []), kept]);
  };
  for (let wanted: readonly StorePath[] = roots; wanted.length > 0;) {
    const { paths } = await queryClosure(wanted, location, options);
    const fresh = paths.filter(({ path }) => !infos.has(path));
    for (const info of fresh) infos.set(info.path, info);
    const candidates = [
      ...(settings.keepDerivations ? fresh.map(({ deriver }) => deriver) : []),
      ...(settings.keepOutputs ? await queryOutputs(fresh, location, options) : []),
    ].filter((path) => path !== undefined) as StorePath[];
    const unknown = [...new Set(candidates)].filter((path) => !infos.has(path));
    wanted = await withoutInvalid(unknown, location, options);
  }
  for (const { path, deriver } of infos.values()) {
    const derivation = deriver as StorePath | undefined;
    if (derivation === undefined || !infos.has(derivation)) continue;
    if (settings.keepDerivations) keep(path, derivation);
    if (settings.keepOutputs) keep(derivation, path);
  }
  return { storeDir: location.storeDir, paths: [...infos.values()], keeps };
}

async function queryOutputs(
  infos: readonly PathInfo[],
  location: StoreLocation,
  options: NixStoreOptions,
): Promise<StorePath[]> {
  const derivations = infos.map(({ path }) => path).filter((path) => path.endsWith(".drv"));
  return ask(["--query", "--outputs"], derivations, location, options);
}

async function withoutInvalid(
  paths: readonly StorePath[],
  location: StoreLocation,
  options: NixStoreOptions,
): Promise<StorePath[]> {
  const invalid = await ask(["--check-validity", "--print-invalid"], paths, location, options);
  const isInvalid = new Set(invalid);
  return paths.filter((path) => !isInvalid.has(path));
}

/** Asks about paths; the answer is store paths, a line each. */
async function ask(
  words: readonly string[],
  paths: readonly StorePath[],
  location: StoreLocation,
  options: NixStoreOptions,
): Promise<StorePath[]> {
  const answers: StorePath[] = [];
  for (const batch of batchArguments(paths)) {
    const said = await runNixStore([...location.arguments, ...words, ...batch], {
      ...options,
      onlyReads: true,
    });
    const prefix = `${location.storeDir}/`;
    const isPath = (line: string): line is StorePath =>
      line.startsWith(prefix) && isStorePathBaseName(line.slice(prefix.length));
    answers.push(...said.split("\n").filter((line) => isPath(line)));
  }
  return answers;
}
