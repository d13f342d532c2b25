import { OciError } from "../errors.ts";
import type { Purpose } from "./auth/authorizer.ts";
import { holdSmall, WatchedContent, type BlobContent } from "./blob-content.ts";
import { PassingFault } from "./http/fault.ts";
import { resolveLocation } from "./http/http-client.ts";
import { discard, isSuccess, type HttpResponse } from "./http/message.ts";
import { refusal } from "./http/refusal.ts";
import { retrying } from "./http/retry.ts";
import { ifAnswered } from "./if-answered.ts";
import type { RegistryRequest } from "./registry.ts";
import { matches, type Repository } from "./repository.ts";
import type { WantedBlob } from "./wanted-blob.ts";

export interface UploadOptions {
  /** Repositories of the same registry that have the blob, or may have it. */
  readonly mountFrom?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of each byte that is in the registry, sent or there before, once. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** How a blob came to be in a repository. */
export interface UploadedBlob extends WantedBlob {
  readonly how: "present" | "mounted" | "sent";
}

/** A refusal that may come of a broken upload is worth a new one, and hardly a third. */
const REFUSED_ATTEMPTS = 3;

/**
 * Brings a blob into a repository (OCI distribution spec 1.1, "Pushing Blobs"): asks for it, mounts it from another repository,
 * or sends it, and goes on from where the registry says it is when that breaks.
 * @throws OciError
 */
export async function uploadBlob(
  repository: Repository,
  content: BlobContent,
  options: UploadOptions = {},
): Promise<UploadedBlob> {
  const { signal, onBytes } = options;
  const supposed = supposedOf(content);
  if (supposed !== undefined && (await ifAnswered(repository, (asked) => asked.hasBlob(supposed, signal)))) {
    onBytes?.(supposed.size);
    rememberPlace(repository, supposed);
    return { ...supposed, how: "present" };
  }
  const held = supposed === undefined ? await holdSmall(content, signal) : content;
  const bytes = new WatchedContent(held, onBytes);
  const upload = new Upload(repository, bytes, content.what);
  const wanted = supposedOf(held);
  if (wanted !== undefined) {
    const places = placesOf(content, repository, options);
    for (const other of places) {
      if ((await upload.mount(wanted, other, signal)) === "mounted") return arrived(bytes, wanted, "mounted");
    }
    if (await mountRemembered(upload, wanted, { repository, tried: places, signal }))
      return arrived(bytes, wanted, "mounted");
  }
  const sent = await retrying((progressed) => upload.goOn(progressed, signal), repository.retries(signal));
  rememberPlace(repository, sent);
  return arrived(bytes, sent, "sent");
}

/** What is smaller is sent as fast as it is mounted, and need not be remembered. */
const MOUNTED_BYTES = 64 * 1024;

function rememberPlace({ registry, name }: Repository, { digest, size }: WantedBlob): void {
  if (size >= MOUNTED_BYTES) registry.places?.add(registry.domain, digest, name);
}

/** Mounts a blob from where an earlier push left it; a place that turns out wrong is forgotten. */
async function mountRemembered(
  upload: Upload,
  blob: WantedBlob,
  context: {
    readonly repository: Repository;
    readonly tried: ReadonlySet<string>;
    readonly signal: AbortSignal | undefined;
  },
): Promise<boolean> {
  const { repository, tried, signal } = context;
  const { places, domain, closed } = repository.registry;
  if (upload.isBegun || blob.size < MOUNTED_BYTES) return false;
  const from = places
    ?.find(domain, blob.digest)
    .find((name) => name !== repository.name && !tried.has(name) && !closed.has(name));
  if (from === undefined) return false;
  const outcome = await upload.mount(blob, from, signal);
  if (outcome === "mounted") {
    rememberPlace(repository, blob);
    return true;
  }
  // Another blob of there would be refused for the same reason, each time after a question of its own.
  if (outcome === "refused") closed.add(from);
  places?.drop(domain, blob.digest, from);
  return false;
}

/** Other repositories of the registry that have a blob, or may have it: those that are surest first. */
function placesOf(
  { origin }: BlobContent,
  { registry, name }: Repository,
  { mountFrom = [] }: UploadOptions,
): ReadonlySet<string> {
  const places = new Set([...(origin?.domain === registry.domain ? [origin.name] : []), ...mountFrom]);
  places.delete(name);
  return places;
}

/** What a blob is, or may well be. */
function supposedOf({ digest, size, remembered }: BlobContent): WantedBlob | undefined {
  return digest !== undefined && size !== undefined ? { digest, size } : remembered;
}

function arrived(bytes: WatchedContent, blob: WantedBlob, how: UploadedBlob["how"]): UploadedBlob {
  bytes.finish(blob.size);
  return { ...blob, how };
}

/** One blob's way: where the registry wants it, and how much of it is there. */
class Upload {
  readonly #repository: Repository;
  readonly #bytes: WatchedContent;
  readonly #what: string;
  /** Where the next request goes; undefined before an upload is begun. */
  #location: URL | undefined;
  /** Bytes that the registry has. */
  #offset = 0;
  /** The most it ever had: only what goes beyond is progress. */
  #most = 0;
  /** Whether a request broke, so that only the registry knows how much it has. */
  #isBroken = false;

  constructor(repository: Repository, bytes: WatchedContent, what: string) {
    this.#repository = repository;
    this.#bytes = bytes;
    this.#what = `${what} in ${repository.name}`;
  }

  /** Whether the registry waits for bytes. */
  get isBegun(): boolean {
    return this.#location !== undefined;
  }

  /** Mounts the blob from another repository; a registry that does not begins an upload instead, which is kept. */
  async mount(
    blob: WantedBlob,
    from: string,
    signal: AbortSignal | undefined,
  ): Promise<"mounted" | "missed" | "refused"> {
    if (this.isBegun) return "missed";
    const { digest } = blob;
    const query = new URLSearchParams({ mount: digest, from });
    const target = `${this.#repository.path("blobs/uploads/")}?${query.toString()}`;
    const request = { method: "POST", target, what: this.#what } as const;
    const response = await this.#try(request, this.#repository.purpose([from]), signal);
    if (response?.status === 201 && matches(response, digest)) {
      const isThere = await ifAnswered(this.#repository, (asked) => asked.hasBlob(blob, signal));
      return isThere === true ? "mounted" : "missed";
    }
    if (response?.status === 202) this.#keepLocation(response);
    return response !== undefined && isSuccess(response) ? "missed" : "refused";
  }

  /**
   * Sends what is missing.
   * @throws PassingFault where it is worth being called again
   */
  async goOn(progressed: () => void, signal: AbortSignal | undefined): Promise<WantedBlob> {
    if (this.#isBroken) {
      // Where to go on shows against the whole.
      if (this.#bytes.size === undefined) await this.#bytes.measure(signal);
      if ((await this.#findOffset(progressed, signal)) === "complete") return this.#bytes.measure(signal);
    }
    if (this.#location === undefined) await this.#begin(signal);
    const { digest, size } = this.#bytes;
    // Of an upload that breaks nobody knows how much arrived.
    this.#isBroken = true;
    if (digest !== undefined && size !== undefined && this.#offset === 0) {
      await this.#finish({ digest, size }, signal, size > 0);
    } else {
      if (size === undefined || this.#offset < size) await this.#append(signal);
      const whole = await this.#bytes.measure(signal);
      this.#arrived(whole.size, progressed);
      await this.#finish(whole, signal, false);
    }
    return this.#bytes.measure(signal);
  }

  async #begin(signal: AbortSignal | undefined): Promise<void> {
    const target = this.#repository.path("blobs/uploads/");
    const request = { method: "POST", target, what: this.#what } as const;
    const response = await this.#repository.registry.request(request, this.#repository.purpose(), { signal });
    if (!isSuccess(response)) throw await refusal(response, this.#what);
    await discard(response);
    this.#keepLocation(response);
    if (this.#location === undefined) throw this.#failed("it begins an upload and does not say where");
    this.#offset = 0;
  }

  /** Asks how much has arrived; an upload that is gone came to its end, or is begun anew. */
  async #findOffset(progressed: () => void, signal: AbortSignal | undefined): Promise<"complete" | "open"> {
    if (this.#location !== undefined) {
      const request = { method: "GET", target: this.#location, what: this.#what } as const;
      const response = await this.#try(request, this.#repository.purpose(), signal);
      const offset =
        response !== undefined && isSuccess(response) ? offsetIn(response.header("range")) : undefined;
      if (response !== undefined && offset !== undefined && offset <= (this.#bytes.size ?? 0)) {
        this.#keepLocation(response);
        this.#arrived(offset, progressed);
        return "open";
      }
      this.#location = undefined;
    }
    this.#offset = 0;
    const { digest, size } = this.#bytes;
    if (digest === undefined || size === undefined) return "open";
    const isThere = await ifAnswered(this.#repository, (asked) => asked.hasBlob({ digest, size }, signal));
    return isThere ? "complete" : "open";
  }

  /** Streams everything from the offset on; all of it where nobody knows yet how much that is. */
  async #append(signal: AbortSignal | undefined): Promise<void> {
    const { size } = this.#bytes;
    const offset = this.#offset;
    const headers = {
      "content-type": "application/octet-stream",
      ...(offset === 0 || size === undefined ? {} : { "content-range": `${offset}-${size - 1}` }),
    };
    const body = {
      length: size === undefined ? undefined : size - offset,
      open: () => this.#bytes.from(offset, signal),
    };
    const request = {
      method: "PATCH",
      target: this.#location as URL,
      what: this.#what,
      headers,
      body,
    } as const;
    const response = await this.#attempt(request, signal);
    this.#keepLocation(response);
  }

  /** Names the digest, with all of the bytes or after them, and checks that the blob is there. */
  async #finish(blob: WantedBlob, signal: AbortSignal | undefined, withBytes: boolean): Promise<void> {
    const { digest, size } = blob;
    const target = new URL(this.#location as URL);
    // Added as text: a location that is signed must stay as it is.
    target.search += `${target.search === "" ? "?" : "&"}digest=${encodeURIComponent(digest)}`;
    const headers = { "content-type": "application/octet-stream" };
    const body = withBytes ? { length: size, open: () => this.#bytes.from(0, signal) } : undefined;
    const response = await this.#attempt({ method: "PUT", target, what: this.#what, headers, body }, signal);
    const isTold = response.status === 201 && response.header("docker-content-digest") === digest;
    if (!matches(response, digest))
      throw this.#failed(`the registry has something else after ${digest} was sent`);
    if (!isTold && !(await this.#repository.hasBlob({ digest, size }, signal)))
      throw new PassingFault(this.#failed("it is not there after it was sent"), {
        attempts: REFUSED_ATTEMPTS,
      });
  }

  /**
   * Asks for what the blob can come without, from a mount to how much of it has arrived. A registry that fails at it, or its token
   * server, is not asked for long; undefined where nothing comes of it.
   */
  async #try(
    request: RegistryRequest,
    purpose: Purpose,
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse | undefined> {
    try {
      const patience = { isOptional: true, signal };
      const response = await this.#repository.registry.request(request, purpose, patience);
      await discard(response);
      return response;
    } catch (error) {
      if (error instanceof OciError && error.code !== "registry-unreachable") return undefined;
      throw error;
    }
  }

  async #attempt(
    request: Parameters<Repository["registry"]["attempt"]>[0],
    signal: AbortSignal | undefined,
  ): Promise<HttpResponse> {
    const response = await this.#repository.registry.attempt(request, this.#repository.purpose(), signal);
    if (isSuccess(response)) {
      await discard(response);
      return response;
    }
    const error = await refusal(response, this.#what);
    // The upload is gone, or what arrived of it is damaged.
    if (![400, 404, 409, 416].includes(response.status)) throw error;
    this.#location = undefined;
    throw new PassingFault(error, { attempts: REFUSED_ATTEMPTS });
  }

  #arrived(offset: number, progressed: () => void): void {
    this.#offset = offset;
    if (offset > this.#most) progressed();
    this.#most = Math.max(this.#most, offset);
  }

  #keepLocation(response: HttpResponse): void {
    const location = response.header("location");
    if (location !== undefined) this.#location = resolveLocation(location, response.url);
  }

  #failed(reason: string): OciError {
    const { domain } = this.#repository.registry;
    return new OciError("registry-failed", `${domain}, ${this.#what}: ${reason}`, { path: domain });
  }
}

/** How many bytes a `Range` of an upload says are there: `0-9` are ten. `0-0` is what registries say of none. */
function offsetIn(range: string | undefined): number | undefined {
  const match = /^(?:bytes=)?0-(\d{1,15})$/.exec(range?.trim() ?? "");
  if (match === null) return undefined;
  const last = Number(match[1]);
  return last === 0 ? 0 : last + 1;
}
