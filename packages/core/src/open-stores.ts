import { NixError, openStore, type Store, type Transport } from "@stowage/nix";
import type { CacheTransportOptions } from "./cache-transport.ts";
import type { Registries, RegistryAccess } from "./registry/registry-access.ts";

/** Where store paths come from, and whose word counts for it. */
export interface StoreAccess {
  /**
   * Stores as Nix names them, asked in this order: `daemon`, `local?root=/mnt`, `file:///cache`, `https://cache.example`;
   * default as the environment says.
   */
  readonly store?: string | readonly string[] | undefined;
  /** Keys of binary caches, `NAME:BASE64`, beside those of nix.conf. */
  readonly trustedPublicKeys?: readonly string[] | undefined;
  /** False takes what any binary cache says, signed or not; default true. */
  readonly checkSignatures?: boolean | undefined;
  readonly environment?: NodeJS.ProcessEnv | undefined;
  /** Told, for people, where a path could not be had from one store and is taken from another. */
  readonly onReplaced?: ((notice: string) => void) | undefined;
}

/**
 * Opens stores as one; nothing is asked yet.
 * @param options with `registry`, certificates and hosts that are trusted, as for registries
 * @throws NixError `store-unsupported`
 */
export function openStores(
  options: StoreAccess & { readonly registry?: RegistryAccess | Registries | undefined },
): Store {
  const { registry = {} } = options;
  const access = "access" in registry ? registry.access : registry;
  const { store: url, environment } = options;
  const urls = url === undefined ? [] : typeof url === "string" ? [url] : url;
  const named = urls.filter((each) => /^http:/i.test(each)).map((each) => URL.parse(each)?.host ?? "");
  // Who writes http:// says it: what comes is signed, whoever carries it.
  const insecure = [...(access.insecure ?? []), ...named];
  return openStore({
    url: urls,
    environment,
    trust: { publicKeys: options.trustedPublicKeys, checkSignatures: options.checkSignatures },
    transport: openLater({ caFile: access.caFile, onRetry: access.onRetry, insecure, environment }),
    onReplaced: options.onReplaced,
  });
}

/**
 * The one store whose files an exported closure is about.
 * @throws NixError `store-unsupported`
 */
export function oneStoreUrl(store: StoreAccess["store"]): string | undefined {
  if (store === undefined || typeof store === "string") return store;
  if (store.length < 2) return store[0];
  throw new NixError("store-unsupported", "an exported closure lies in one store, and several are named", {
    hint: "Name the store whose files they are.",
  });
}

/** What speaks to caches is loaded once one is spoken to: most stores are on this machine. */
function openLater(options: CacheTransportOptions): Transport {
  let opened: Promise<Transport> | undefined;
  const open = async (): Promise<Transport> => (await import("./elsewhere.ts")).openCacheTransport(options);
  return { get: async (url, request) => (await (opened ??= open())).get(url, request) };
}
