import { existsSync } from "node:fs";
import { NixError, openStore, type Store, type Transport } from "@stowage/nix";
import { readCountSetting, readLogins, readSetting, type CacheAnswer } from "@stowage/nix/internal";
import { OciError } from "@stowage/oci";
import { HttpDownloads } from "@stowage/oci/internal";
import { readCertificates, Registries, type RegistryAccess } from "./registry/registry-access.ts";

/** A download that has begun and stops is gone on with after so long, where Nix's configuration says nothing of it. */
const STALL_SECONDS = 60;

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
  const access = registry instanceof Registries ? registry.access : registry;
  const { store: url, environment } = options;
  const urls = url === undefined ? [] : typeof url === "string" ? [url] : url;
  const named = urls.filter((each) => /^http:/i.test(each)).map((each) => URL.parse(each)?.host ?? "");
  // Who writes http:// says it: what comes is signed, whoever carries it.
  const insecure = [...(access.insecure ?? []), ...named];
  return openStore({
    url: urls,
    environment,
    trust: { publicKeys: options.trustedPublicKeys, checkSignatures: options.checkSignatures },
    transport: new CacheTransport({ caFile: access.caFile, onRetry: access.onRetry, insecure, environment }),
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

interface TransportOptions extends Pick<RegistryAccess, "insecure" | "caFile" | "onRetry"> {
  readonly environment: NodeJS.ProcessEnv | undefined;
}

/** Files of caches over the same HTTP as registries are spoken to. */
class CacheTransport implements Transport {
  readonly #options: TransportOptions;
  #downloads: Promise<HttpDownloads> | undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  async get(url: URL, { signal }: { readonly signal: AbortSignal | undefined }): Promise<CacheAnswer> {
    const downloads = await (this.#downloads ??= this.#open());
    const { status, bytes, encoding } = await translated(() => downloads.get(url, signal));
    if (bytes !== undefined) return { bytes: translatedBytes(bytes), encoding };
    return { bytes: undefined, reason: status === 404 || status === 410 ? undefined : String(status) };
  }

  async #open(): Promise<HttpDownloads> {
    const { insecure, caFile, onRetry, environment = process.env } = this.#options;
    const certificates =
      caFile === undefined ? await nixCertificates(environment) : await readCertificates(caFile);
    const loginOf = await readLogins(environment);
    const authorize = ({ hostname }: URL): string | undefined => {
      const login = loginOf(hostname);
      if (login === undefined) return undefined;
      return `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
    };
    const stalled = await readCountSetting("stalled-download-timeout", environment);
    const answerTimeout = stalled === undefined ? undefined : stalled * 1_000;
    const stallTimeout = answerTimeout ?? STALL_SECONDS * 1_000;
    return new HttpDownloads({
      insecure,
      certificates,
      authorize,
      environment,
      answerTimeout,
      stallTimeout,
      onRetry,
    });
  }
}

/**
 * The authorities that Nix is set up to trust (nix.conf(5), `ssl-cert-file`), which are trusted beside the usual ones; a file that is
 * not there is none, as Nix itself sets one in builds that have no network.
 */
async function nixCertificates(environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const named = (name: string): string | undefined => environment[name] || undefined;
  const path =
    named("NIX_SSL_CERT_FILE") ?? (await readSetting("ssl-cert-file", environment)) ?? named("SSL_CERT_FILE");
  return path !== undefined && existsSync(path) ? readCertificates(path) : undefined;
}

async function translated<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw translate(error);
  }
}

async function* translatedBytes(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    throw translate(error);
  }
}

/** What the network says is about a cache here. */
function translate(error: unknown): unknown {
  if (!(error instanceof OciError)) return error;
  const { message, hint, path } = error;
  return new NixError("cache-failed", message, { hint, path, cause: error });
}
