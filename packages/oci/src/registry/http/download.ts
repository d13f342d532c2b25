import { connectionFault, PassingFault } from "./fault.ts";
import { HttpClient, type HttpOptions } from "./http-client.ts";
import { isSuccess, type HttpResponse } from "./message.ts";
import { isLoopback } from "./origins.ts";
import { refusal } from "./refusal.ts";
import { defaultRetryPolicy, retrying, type Retry, type RetryOptions, type RetryPolicy } from "./retry.ts";
import { sendOnce } from "./send-once.ts";

export interface DownloadOptions extends HttpOptions {
  /**
   * What is shown for a URL (RFC 9110, 11.6.2): to the host that was asked alone, never to where it sends us, and only where it
   * cannot be overheard: in HTTPS, or to this machine.
   */
  readonly authorize?: ((url: URL) => string | undefined) | undefined;
  /** How failures that may pass are met. */
  readonly retry?: RetryPolicy | undefined;
  /** Told of each failure after which the same is tried again. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** What a server answered. */
export interface Download {
  readonly status: number;
  /** Undefined where it does not give the file: 401, 403, 404, 410. */
  readonly bytes: AsyncIterable<Uint8Array> | undefined;
  /** How the server has encoded the bytes (`Content-Encoding`): nothing was asked for, and nothing is decoded. */
  readonly encoding?: string | undefined;
}

/** Fetches files. What fails on its way is asked for again from where it stopped (RFC 9110, 14). */
export class HttpDownloads implements AsyncDisposable {
  readonly #client: HttpClient;
  readonly #retries: RetryOptions;
  readonly #authorize: (url: URL) => string | undefined;

  constructor(options: DownloadOptions) {
    this.#client = new HttpClient(options);
    this.#retries = { policy: options.retry ?? defaultRetryPolicy, onRetry: options.onRetry };
    this.#authorize = options.authorize ?? (() => undefined);
  }

  /**
   * @throws OciError `registry-unreachable`, `registry-failed`; so do the bytes
   */
  async get(url: URL, signal?: AbortSignal): Promise<Download> {
    const response = await retrying(() => this.#send(url, {}, signal), { ...this.#retries, signal });
    const { status } = response;
    if (isSuccess(response))
      return {
        status,
        bytes: this.#read(url, response, signal),
        encoding: response.header("content-encoding"),
      };
    if (![401, 403, 404, 410].includes(status)) throw await refusal(response, url.href);
    response.body.on("error", () => {}).destroy();
    return { status, bytes: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  /** Each chunk is an attempt: failures in a row are counted from the last byte that came. */
  async *#read(url: URL, first: HttpResponse, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const validator = validatorOf(first);
    let position = 0;
    let current: Body | undefined = new Body(first, 0);
    try {
      for (;;) {
        const chunk = await retrying(
          async () => {
            current ??= await this.#resume(url, { position, validator }, signal);
            try {
              return await current.next();
            } catch (error) {
              current = undefined;
              signal?.throwIfAborted();
              throw connectionFault(error, url.host);
            }
          },
          { ...this.#retries, signal },
        );
        if (chunk === undefined) return;
        position += chunk.length;
        yield chunk;
      }
    } finally {
      current?.close();
    }
  }

  async #resume(
    url: URL,
    { position, validator }: { readonly position: number; readonly validator: string | undefined },
    signal?: AbortSignal,
  ): Promise<Body> {
    const headers = {
      range: `bytes=${position}-`,
      ...(validator === undefined ? {} : { "if-range": validator }),
    };
    const response = await this.#send(url, position === 0 ? {} : headers, signal);
    if (!isSuccess(response)) throw await refusal(response, url.href);
    if (response.status !== 206) return new Body(response, position);
    const start = /^bytes (\d+)-/.exec(response.header("content-range") ?? "")?.[1];
    if (Number(start) === position) return new Body(response, 0);
    throw new PassingFault(await refusal(response, `${url.href} from byte ${position} on`));
  }

  #send(url: URL, headers: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<HttpResponse> {
    const isPrivate = url.protocol === "https:" || isLoopback(url);
    const authorization = isPrivate ? this.#authorize(url) : undefined;
    const shown = authorization === undefined ? headers : { ...headers, authorization };
    return sendOnce(this.#client, { method: "GET", url, headers: shown }, url.href, signal);
  }
}

/** What says that a file is still the same (RFC 9110, 13.1.5): a weak tag does not. */
function validatorOf(response: HttpResponse): string | undefined {
  const tag = response.header("etag");
  return tag !== undefined && !tag.startsWith("W/") ? tag : response.header("last-modified");
}

/** An answer's bytes but for the first ones. */
class Body {
  readonly #response: HttpResponse;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #skipped: number;

  constructor(response: HttpResponse, skipped: number) {
    this.#response = response;
    this.#chunks = (response.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    this.#skipped = skipped;
  }

  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return undefined;
      const skipped = Math.min(this.#skipped, value.length);
      this.#skipped -= skipped;
      if (skipped < value.length) return value.subarray(skipped);
    }
  }

  close(): void {
    this.#response.body.on("error", () => {}).destroy();
  }
}
