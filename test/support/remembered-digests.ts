import { join } from "node:path";
import { fingerprint } from "./read-layout.ts";

/** What a cache folder (XDG_CACHE_HOME) remembers of layers: the digest of each entry, by its key. */
export function rememberedDigests(cache: string): Readonly<Record<string, string>> {
  const entries = Object.entries(fingerprint(join(cache, "stowage/digests")) ?? {});
  return Object.fromEntries(entries.filter(([name]) => !name.endsWith(".tmp")));
}
