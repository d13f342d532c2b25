import { resolve } from "node:path";
import { FileSource } from "../cache/file-source.ts";
import { HttpSource } from "../cache/http-source.ts";
import type { CacheSource, Transport } from "../cache/cache-source.ts";
import { Trust, type TrustOptions } from "../cache/trust.ts";
import { NixError } from "../errors.ts";
import { DEFAULT_STORE_DIR } from "../store-path.ts";
import { BinaryCacheStore } from "./binary-cache.ts";
import { LocalStore } from "./local.ts";
import { StoreChain } from "./store-chain.ts";
import { locateStore } from "./store-location.ts";
import type { Store } from "./store.ts";

/** Which stores are opened, and how. */
export interface OpenStoreOptions {
  /** A store as Nix names it, or several, asked in this order; none: what Nix itself would take in this environment. */
  readonly url?: string | readonly string[] | undefined;
  readonly environment?: NodeJS.ProcessEnv | undefined;
  /** Whose word counts for what binary caches say. */
  readonly trust?: TrustOptions | undefined;
  /** Reads files of `http:` and `https:` caches. */
  readonly transport?: Transport | undefined;
  /** Told, for people, where a path could not be had from one store and is taken from another. */
  readonly onReplaced?: ((notice: string) => void) | undefined;
}

/**
 * Opens stores as one. Nothing is run or read before the store is asked something.
 * @throws NixError `store-unsupported`
 */
export function openStore(options: OpenStoreOptions = {}): Store {
  const { url = [], environment = process.env } = options;
  const trust = new Trust(options.trust ?? {}, environment);
  const open = (url: string | undefined): Store =>
    openOne(url, { environment, trust, transport: options.transport });
  const [first, ...others] = (typeof url === "string" ? [url] : url).map(open);
  if (first === undefined) return open(undefined);
  const other = others.find(({ storeDir }) => storeDir !== first.storeDir);
  if (other !== undefined) {
    throw new NixError(
      "store-unsupported",
      `stores of two store directories: ${first.storeDir} and ${other.storeDir}`,
      { hint: "A closure lies in one; leave the other stores out." },
    );
  }
  return others.length === 0 ? first : new StoreChain([first, ...others], options.onReplaced);
}

interface Parts {
  readonly environment: NodeJS.ProcessEnv;
  readonly trust: Trust;
  readonly transport: Transport | undefined;
}

function openOne(url: string | undefined, { environment, trust, transport }: Parts): Store {
  if (url === undefined || !/^(file|https?):\/\//i.test(url))
    return new LocalStore(locateStore(url, environment), environment);
  const { address, storeDir } = readCacheUrl(url, environment);
  return new BinaryCacheStore(openSource(address, transport), { storeDir, trust });
}

function openSource(address: URL, transport: Transport | undefined): CacheSource {
  if (address.protocol === "file:") return new FileSource(folderOf(address));
  if (transport !== undefined) return new HttpSource(address, transport);
  throw new NixError("store-unsupported", `'${address.href}': nothing here reads from the network`, {
    path: address.href,
  });
}

function folderOf(address: URL): string {
  try {
    return resolve(decodeURIComponent(address.pathname));
  } catch (cause) {
    throw new NixError("store-unsupported", `'${address.href}' has a '%' that stands for no character`, {
      path: address.href,
      cause,
      hint: "A '%' of a folder's name is written %25.",
    });
  }
}

/** A cache's address, and the store directory its paths are for: `?store=`, as Nix has it, or the usual one. */
function readCacheUrl(
  url: string,
  environment: NodeJS.ProcessEnv,
): { readonly address: URL; readonly storeDir: string } {
  const address = URL.parse(url);
  const isRemoteFile = address?.protocol === "file:" && address.host !== "";
  if (address === null || isRemoteFile) {
    throw new NixError("store-unsupported", `'${url}' is not the address of a binary cache`, {
      path: url,
      hint: "Take file:///folder, or https://host.",
    });
  }
  if (address.hash !== "") {
    throw new NixError("store-unsupported", `'${url}': no cache's address goes on behind a '#'`, {
      path: url,
      hint: "A '#' of a folder's name is written %23, and a '?' %3F.",
    });
  }
  const parameters = address.searchParams;
  if (parameters.has("trusted")) {
    throw new NixError("store-unsupported", `'${url}': a cache is not trusted by its address`, {
      path: url,
      hint: "Give its key with --trusted-public-key; --no-check-sigs takes anybody's word.",
    });
  }
  const own = environment["NIX_STORE_DIR"];
  const storeDir = parameters.get("store") ?? (own === undefined || own === "" ? DEFAULT_STORE_DIR : own);
  address.search = "";
  return { address, storeDir: resolve(storeDir) };
}
