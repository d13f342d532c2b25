import { homedir } from "node:os";
import { join } from "node:path";

/** Where Stowage keeps what can be made again: `$XDG_CACHE_HOME/stowage`, by default `~/.cache/stowage` (XDG Base Directory Specification). */
export function cacheFolder(environment: NodeJS.ProcessEnv): string {
  const xdg = environment["XDG_CACHE_HOME"];
  const home = environment["HOME"];
  if (xdg?.startsWith("/")) return join(xdg, "stowage");
  return join(home === undefined || home === "" ? homedir() : home, ".cache", "stowage");
}
