import { existsSync } from "node:fs";
import type { PathInfo } from "../path-info.ts";
import { parseRegistration } from "../registration.ts";
import type { StorePath } from "../store-path.ts";
import { batchArguments, runNixStore, type NixStoreOptions } from "./nix-store-command.ts";
import type { StoreLocation } from "./store-location.ts";

/**
 * What the store knows of those of some paths that are valid, by two calls of `nix-store` however many there are:
 * `--check-validity --print-invalid` says which are not, `--dump-db` what the others are.
 * @throws NixError `nix-missing`, `store-unavailable`, `nix-failed`, `format-invalid`
 */
export async function queryValid(
  paths: readonly StorePath[],
  { storeDir, physicalDir, arguments: chosen }: StoreLocation,
  options: NixStoreOptions,
): Promise<PathInfo[]> {
  // Where there is no store, Nix would make an empty one.
  if (!existsSync(physicalDir)) return [];
  const ask = async (words: readonly string[], about: readonly StorePath[]): Promise<string> => {
    const answers: string[] = [];
    for (const batch of batchArguments(about))
      answers.push(await runNixStore([...chosen, ...words, ...batch], { ...options, onlyReads: true }));
    return answers.join("\n");
  };
  const own = paths.filter((path) => path.startsWith(`${storeDir}/`));
  const invalid = new Set((await ask(["--check-validity", "--print-invalid"], own)).split("\n"));
  const registration = await ask(
    ["--dump-db"],
    own.filter((path) => !invalid.has(path)),
  );
  return parseRegistration(registration, storeDir);
}
