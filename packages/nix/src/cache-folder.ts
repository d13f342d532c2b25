import { homedir } from "node:os";
import { join } from "node:path";

/**
 * Where Stowage keeps what can be made again: `$XDG_CACHE_HOME/stowage`, by default `~/.cache/stowage` (XDG Base Directory
 * Specification). Undefined for a user without a home: `HOME` is not set, and no user database knows the user.
 */
export function cacheFolder(environment: NodeJS.ProcessEnv): string | undefined {
  const xdg = environment["XDG_CACHE_HOME"];
  if (xdg?.startsWith("/")) return join(xdg, "stowage");
  const { HOME } = environment;
  const home = HOME === undefined || HOME === "" ? homeInDatabase() : HOME;
  return home === undefined ? undefined : join(home, ".cache", "stowage");
}

function homeInDatabase(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}
