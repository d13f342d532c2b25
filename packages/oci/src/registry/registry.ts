import { OciError } from "../errors.ts";
import { Authorizer, type Purpose } from "./auth/authorizer.ts";
import type { CredentialSource } from "./auth/credentials.ts";
import type { BlobPlaces } from "./blob-places.ts";
import { connectionFault, isBroken, isNotTls, isRefusedByProxy, isUnreached } from "./http/fault.ts";
import { HttpClient, type HttpOptions } from "./http/http-client.ts";
import { discard, isSuccess, readSmall, type HttpRequest, type HttpResponse } from "./http/message.ts";
import { isLoopback } from "./http/origins.ts";
import {
  defaultRetryPolicy,
  retrying,
  type Retry,
  type RetryOptions,
  type RetryPolicy,
} from "./http/retry.ts";
import { sendOnce } from "./http/send-once.ts";

/** How a registry is spoken to. */
export interface RegistryOptions extends HttpOptions {
  /** Where credentials come from; nothing is asked before a registry wants any. */
  readonly credentials?: CredentialSource | undefined;
  /** How failures that may pass are met. */
  readonly retry?: RetryPolicy | undefined;
  /** Told of each failure after which the same is tried again. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
  /** Where blobs may be mounted from. */
  readonly places?: BlobPlaces | undefined;
}

/** A request to a registry, and how errors call what it asks for. */
export interface RegistryRequest extends Omit<HttpRequest, "url"> {
  /** A path of the registry, or a URL that it named. */
  readonly target: string | URL;
  readonly what: string;
}

/** How long something is asked for. */
export type RequestPatience = Pick<RetryOptions, "isOptional" | "signal">;

/** A 401 is answered with new credentials so many times before it is an answer. */
const RENEWALS = 2;

/** A TLS greeting that breaks says nothing of who is there: a registry is greeted so many times before it is spoken to in plain HTTP. */
const GREETINGS = 5;

/** One registry (OCI distribution spec 1.1): where it is, what is shown to it, and how its failures are met. */
export class Registry implements AsyncDisposable {
  /** Its name in references. */
  readonly domain: string;
  /** How its failures are met. */
  readonly retries: Pick<RetryOptions, "policy" | "onRetry">;
  readonly places: BlobPlaces | undefined;
  /** Its repositories from which nothing may be mounted, as it has turned out. */
  readonly closed: Set<string> = new Set();
  readonly #client: HttpClient;
  readonly #authorizer: Authorizer;
  #base: Promise<URL> | undefined;

  constructor(domain: string, options: RegistryOptions = {}) {
    this.domain = domain;
    this.retries = { policy: options.retry ?? defaultRetryPolicy, onRetry: options.onRetry };
    this.places = options.places;
    this.#client = new HttpClient(options);
    this.#authorizer = new Authorizer(this.#client, domain, options.credentials);
  }

  /**
   * Sends a request until something other than "later" is answered.
   * @throws OciError `registry-unreachable`, `registry-denied` where nothing else can be shown, `registry-failed`
   */
  request(request: RegistryRequest, purpose: Purpose, patience: RequestPatience = {}): Promise<HttpResponse> {
    const { signal } = patience;
    return retrying(() => this.attempt(request, purpose, signal), { ...this.retries, ...patience });
  }

  /**
   * The same, with the body of a success, which is asked for again where it breaks off.
   * @param limit its bytes at most; undefined is returned for more
   */
  requestSmall(
    request: RegistryRequest,
    purpose: Purpose,
    { limit, ...patience }: RequestPatience & { readonly limit: number },
  ): Promise<{ readonly response: HttpResponse; readonly bytes: Buffer | undefined }> {
    return retrying(
      async () => {
        const response = await this.attempt(request, purpose, patience.signal);
        return { response, bytes: isSuccess(response) ? await readSmall(response, limit) : undefined };
      },
      { ...this.retries, ...patience },
    );
  }

  /**
   * Sends a request once, or again with new credentials where they are asked for.
   * @throws PassingFault for what may succeed later
   */
  async attempt(request: RegistryRequest, purpose: Purpose, signal?: AbortSignal): Promise<HttpResponse> {
    this.#base ??= this.#findBase(signal).catch((error: unknown) => {
      this.#base = undefined;
      throw error;
    });
    const base = await this.#base;
    const url = new URL(request.target, base);
    const isOwn = url.origin === base.origin;
    for (let renewals = 0; ; renewals++) {
      const header = isOwn ? this.#authorizer.headerFor(purpose) : undefined;
      const headers = { ...request.headers, ...(header === undefined ? {} : { authorization: header }) };
      const response = await sendOnce(this.#client, { ...request, url, headers }, request.what, signal);
      const challenge = response.header("www-authenticate");
      const isAsked = response.status === 401 && response.url.origin === base.origin;
      if (!isAsked || challenge === undefined || renewals === RENEWALS) return response;
      response.body.on("error", () => {}).destroy();
      await this.#authorizer.renew(purpose, { url: base, header, challenge }, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  /** HTTPS, but for a registry on loopback, or one that is said to be insecure, that speaks no TLS. */
  async #findBase(signal: AbortSignal | undefined): Promise<URL> {
    // Docker Hub's registry has another name than its images.
    const host = this.domain === "docker.io" ? "registry-1.docker.io" : this.domain;
    const secure = parseBase(`https://${host}`, this.domain);
    const plain = parseBase(`http://${host}`, this.domain);
    if (!isLoopback(plain) && !this.#client.origins.isInsecure(plain)) return secure;
    const fault = await this.#tlsFault(secure, signal);
    if (fault === undefined) return secure;
    try {
      const status = await this.#greet(plain, signal);
      // A proxy that does not lead to a registry's TLS may lead to its port, in plain HTTP.
      if (!isUnreached(fault) || status !== 400) return plain;
    } catch (error) {
      signal?.throwIfAborted();
      if (!isRefusedByProxy(fault))
        throw error instanceof OciError ? error : connectionFault(error, plain.host);
    }
    throw connectionFault(fault, secure.host);
  }

  /**
   * Why TLS is not spoken at a URL: something else is, or nobody could be asked. Undefined where it is.
   * @throws OciError, PassingFault where that cannot be said
   */
  async #tlsFault(secure: URL, signal: AbortSignal | undefined): Promise<unknown> {
    for (let greetings = 1; ; greetings++) {
      try {
        await this.#greet(secure, signal);
        return undefined;
      } catch (error) {
        signal?.throwIfAborted();
        if (isBroken(error) && greetings < GREETINGS) continue;
        if (isNotTls(error) || isUnreached(error)) return error;
        throw error instanceof OciError ? error : connectionFault(error, secure.host);
      }
    }
  }

  /** The status with which something answers in HTTP. */
  async #greet(base: URL, signal: AbortSignal | undefined): Promise<number> {
    const response = await this.#client.send({ method: "GET", url: new URL("/v2/", base) }, signal);
    await discard(response);
    return response.status;
  }
}

function parseBase(text: string, domain: string): URL {
  try {
    return new URL(text);
  } catch (cause) {
    throw new OciError("image-invalid", `'${domain}' is not a registry host`, { path: domain, cause });
  }
}
