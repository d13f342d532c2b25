import { NIX32_ALPHABET } from "./base32.ts";
import { NixError } from "./errors.ts";

declare const brand: unique symbol;

/** A store path in full: `/nix/store/<32 digits of Nix's base 32>-<name>`. */
export type StorePath = string & { readonly [brand]: "StorePath" };

/** Where Nix's store lies, unless a Nix was built for another place. */
export const DEFAULT_STORE_DIR = "/nix/store";

const HASH_DIGITS = 32;
const MAX_NAME = 211;
const baseNamePattern = new RegExp(`^[${NIX32_ALPHABET}]{${HASH_DIGITS}}-[0-9a-zA-Z+\\-._?=]+$`);

/** Whether a name in a store directory has the form of a store path's (Nix 2.34, `src/libstore/path.cc`). */
export function isStorePathBaseName(name: string): boolean {
  const rest = name.slice(HASH_DIGITS + 1);
  return baseNamePattern.test(name) && rest.length <= MAX_NAME && !/^\.\.?(-|$)/.test(rest);
}

/**
 * Reads a full store path. Nothing may follow the name.
 * @param storeDir the store directory it must lie in
 * @throws NixError `format-invalid`
 */
export function parseStorePath(text: string, storeDir: string = DEFAULT_STORE_DIR): StorePath {
  if (!text.startsWith(`${storeDir}/`) || !isStorePathBaseName(text.slice(storeDir.length + 1))) {
    throw new NixError("format-invalid", `'${text}' is not a store path in ${storeDir}`, { path: text });
  }
  return text as StorePath;
}

/** `<hash>-<name>`. */
export function storePathBaseName(path: StorePath): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The 32 digits that other paths' contents refer to this one by. */
export function storePathHashPart(path: StorePath): string {
  return storePathBaseName(path).slice(0, HASH_DIGITS);
}

/** What follows the hash: `hello-2.12.1`. */
export function storePathName(path: StorePath): string {
  return storePathBaseName(path).slice(HASH_DIGITS + 1);
}

/** Orders by byte value, which for the characters of a store path is the order of code units. */
export function compareStorePaths(a: StorePath, b: StorePath): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Sorted by byte value, without repetition. What is so already, as Nix prints it, costs one look at each. */
export function sortStorePaths(paths: readonly StorePath[]): readonly StorePath[] {
  const isSorted = paths.every((path, index) => index === 0 || (paths[index - 1] as StorePath) < path);
  return isSorted ? paths : [...new Set(paths)].toSorted(compareStorePaths);
}
