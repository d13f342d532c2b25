import { NixError } from "../errors.ts";

/** What a binary cache says of itself. */
export interface CacheInfo {
  /** The store directory its paths are for. */
  readonly storeDir: string | undefined;
}

/**
 * Reads `nix-cache-info` (Nix 2.34, `src/libstore/binary-cache-store.cc`): `Name: value` lines. The priority and whether many
 * paths may be asked for at once are for who has a choice: here caches are asked in the order they were named.
 * @throws NixError `cache-corrupted`
 */
export function parseCacheInfo(text: string, from: string): CacheInfo {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.some((line) => !line.includes(":"))) {
    throw new NixError("cache-corrupted", `${from} is not what a binary cache says of itself`, {
      path: from,
      hint: "It has lines such as 'StoreDir: /nix/store': check the address.",
    });
  }
  const storeDir = lines.find((line) => line.startsWith("StoreDir:"))?.slice("StoreDir:".length);
  return { storeDir: storeDir?.trim() };
}
