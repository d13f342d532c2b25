import { LocalStore } from "./local.ts";
import { locateStore } from "./store-location.ts";
import type { Store } from "./store.ts";

/**
 * Opens the store a URL names; without one, the store that Nix itself would take in this environment. Nothing is run
 * or read before the store is asked something.
 * @throws NixError `store-unsupported`
 */
export function openStore(
  options: { readonly url?: string | undefined; readonly environment?: NodeJS.ProcessEnv | undefined } = {},
): Store {
  const environment = options.environment ?? process.env;
  return new LocalStore(locateStore(options.url, environment), environment);
}
