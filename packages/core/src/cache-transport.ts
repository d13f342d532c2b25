import { existsSync } from "node:fs";
import { NixError, type Transport } from "@stowage/nix";
import { readCountSetting, readLogins, readSetting, type CacheAnswer } from "@stowage/nix/internal";
import { OciError } from "@stowage/oci";
import { HttpDownloads } from "@stowage/oci/internal";
import { readCertificates, type RegistryAccess } from "./registry/registry-access.ts";

/** A download that has begun and stops is gone on with after so long, where Nix's configuration says nothing of it. */
const STALL_SECONDS = 60;

/** Who is trusted, and who is told. */
export interface CacheTransportOptions extends Pick<RegistryAccess, "insecure" | "caFile" | "onRetry"> {
  readonly environment: NodeJS.ProcessEnv | undefined;
}

/**
 * Files of caches over the same HTTP as registries are spoken to.
 * @throws CoreError `file-unreadable`, `option-invalid` for certificates
 */
export async function openCacheTransport(options: CacheTransportOptions): Promise<Transport> {
  const { insecure, caFile, onRetry, environment = process.env } = options;
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
  const downloads = new HttpDownloads({
    insecure,
    certificates,
    authorize,
    environment,
    answerTimeout,
    stallTimeout,
    onRetry,
  });
  return { get: (url, { signal }) => getFrom(downloads, url, signal) };
}

async function getFrom(
  downloads: HttpDownloads,
  url: URL,
  signal: AbortSignal | undefined,
): Promise<CacheAnswer> {
  const { status, bytes, encoding } = await translated(() => downloads.get(url, signal));
  if (bytes !== undefined) return { bytes: translatedBytes(bytes), encoding };
  return { bytes: undefined, reason: status === 404 || status === 410 ? undefined : String(status) };
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
