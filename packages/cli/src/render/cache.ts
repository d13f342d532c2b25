import type { RememberedContents } from "@stowage/core";
import { formatSize } from "./size.ts";
import { terminalSafe } from "./terminal-safe.ts";

/** What is remembered, or was before it was forgotten. */
export function renderCache(
  { folder, entries, bytes, isUnused, baseLayers, blobPlaces, compiledCode }: RememberedContents,
  cleared: boolean,
): string {
  const layers = (count: number): string => `${count} ${count === 1 ? "layer" : "layers"}`;
  const what = `${layers(entries)}, ${formatSize(bytes)}`;
  const unused = isUnused ? ", which is not used: it is not this user's alone" : "";
  const where =
    folder === ""
      ? "this user has no home, and XDG_CACHE_HOME is not set"
      : `in ${terminalSafe(folder)}${unused}`;
  const bases =
    baseLayers.entries === 0
      ? ""
      : `; and what is in ${layers(baseLayers.entries)} of bases, ${formatSize(baseLayers.bytes)}`;
  const places =
    blobPlaces.entries === 0
      ? ""
      : `; and where ${layers(blobPlaces.entries)} lie in registries, ${formatSize(blobPlaces.bytes)}`;
  const code =
    compiledCode.entries === 0 ? "" : `; and its own code, compiled, ${formatSize(compiledCode.bytes)}`;
  return `${cleared ? "forgot" : "remembers"} ${what}, ${where}${bases}${places}${code}\n`;
}
