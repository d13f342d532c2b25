import { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import type { buildConnector, Dispatcher } from "undici";
import { OciError } from "../../errors.ts";
import { ProxyFailure } from "./fault.ts";
import { BodyFailure, type HttpRequest, type HttpResponse, type RequestBody } from "./message.ts";
import { isInExceptedNetwork } from "./no-proxy.ts";
import { isLoopback, TrustedOrigins } from "./origins.ts";
import { waitForReader } from "./patient-end.ts";
import { parseProxy } from "./proxy-url.ts";
import { Secrets } from "./secrets.ts";

const MAX_REDIRECTS = 10;
const CONNECT_MILLISECONDS = 15_000;
/** As undici and Nix (`stalled-download-timeout`) have it. */
const STALL_MILLISECONDS = 300_000;

export interface HttpOptions {
  /** Registries that may be spoken to without a certificate that is verified, or in plain HTTP. */
  readonly insecure?: readonly string[] | undefined;
  /** Certificates in PEM that are trusted beside the usual ones. */
  readonly certificates?: string | undefined;
  /** Milliseconds after which a request that is not answered has failed; default 300,000. */
  readonly answerTimeout?: number | undefined;
  /** Milliseconds without a byte after which an answer that is wanted has failed; default 300,000. */
  readonly stallTimeout?: number | undefined;
  /** Where proxies are named: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, in upper or lower case. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
}

/** Sends requests one at a time and follows redirects. Knows no registry. */
export class HttpClient implements AsyncDisposable {
  readonly origins: TrustedOrigins;
  /** What was shown so far. */
  readonly secrets: Secrets = new Secrets();
  readonly #options: HttpOptions;
  readonly #dispatchers = new Map<string, Promise<Dispatcher>>();
  /** What is not connected yet: undici leaves it, and the process with it, until a host that does not answer had its time. */
  readonly #connecting = new Set<Socket>();
  /** Hosts that have answered: what fails with one of them is the network, or passes. */
  readonly #answered = new Set<string>();

  constructor(options: HttpOptions) {
    this.#options = options;
    this.origins = new TrustedOrigins(options.insecure ?? []);
  }

  /**
   * The answer, whatever its status, after redirects. `authorization` goes to the request's own origin only.
   * @throws OciError `registry-failed` for redirects without end or to where nothing may be said
   * @throws BodyFailure when the body could not be made, and whatever else the connection fails with
   */
  async send(request: HttpRequest, signal?: AbortSignal): Promise<HttpResponse> {
    let { url, headers = {} } = request;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      if (!this.origins.allows(url)) throw notAllowed(url, this.secrets.censor(url.host));
      const response = await this.#exchange({ ...request, url, headers }, signal);
      const location = response.header("location");
      if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) return response;
      response.body.on("error", () => {}).destroy();
      const next = resolveLocation(location, url);
      if (next.origin !== url.origin) {
        if (request.isSecret) {
          const host = this.secrets.censor(url.host);
          throw new OciError("registry-failed", `${host} sends what it is shown on to another host`);
        }
        headers = withoutAuthorization(headers);
      }
      url = next;
    }
    throw new OciError("registry-failed", `${request.url.host} redirects without end`);
  }

  /** Whether a URL's host has answered anything so far. */
  hasAnswered(url: URL): boolean {
    return this.#answered.has(url.origin);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // One that could not be made was told of where it was wanted.
    const made = await Promise.allSettled(this.#dispatchers.values());
    this.#dispatchers.clear();
    await Promise.all(made.flatMap((one) => (one.status === "fulfilled" ? [one.value.destroy()] : [])));
    // With an error: who waits for it is told.
    for (const socket of this.#connecting) socket.destroy(new Error("the client is closed"));
  }

  async #exchange(request: HttpRequest, signal: AbortSignal | undefined): Promise<HttpResponse> {
    const { method, url, headers, body } = request;
    const shown = headers?.["authorization"];
    if (shown !== undefined) this.secrets.addHeader(shown);
    const dispatcher = await this.#dispatcherFor(url);
    const source: BodySource = { failure: undefined };
    const sending = dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: {
        "user-agent": "stowage",
        ...headers,
        ...(body === undefined
          ? method === "GET" || method === "HEAD"
            ? {}
            : { "content-length": "0" }
          : body.length === undefined
            ? {}
            : { "content-length": String(body.length) }),
      },
      body: body === undefined || body.length === 0 ? null : (watched(body, source) as never),
      ...(signal === undefined ? {} : { signal }),
    });
    const answer = await untilAborted(sending, signal).catch((error: unknown) => {
      throw source.failure ?? error;
    });
    this.#answered.add(url.origin);
    return {
      status: answer.statusCode,
      url,
      header: (name) => headerOf(answer.headers[name]),
      censor: (text) => this.secrets.censor(text),
      body: answer.body,
    };
  }

  #dispatcherFor(url: URL): Promise<Dispatcher> {
    const isVerified = !this.origins.isInsecure(url);
    const isDirect = isLoopback(url) || isInExceptedNetwork(url.hostname, this.#said("NO_PROXY"));
    const key = `${url.protocol} ${isVerified} ${isDirect}`;
    const known = this.#dispatchers.get(key);
    if (known !== undefined) return known;
    const made = this.#makeDispatcher(url.protocol, { isVerified, isDirect });
    this.#dispatchers.set(key, made);
    return made;
  }

  /** Whose certificates are trusted, for all connections: reading some 265 of them takes 35 ms of processor time. */
  async #trust(): Promise<{ readonly secureContext?: SecureContext }> {
    const { certificates } = this.#options;
    if (certificates === undefined) return {};
    const { createSecureContext, getCACertificates } = await import("node:tls");
    return { secureContext: createSecureContext({ ca: [...getCACertificates("default"), certificates] }) };
  }

  /** A variable of the environment, in lower case before upper. */
  #said(name: string): string {
    const { environment = process.env } = this.#options;
    return environment[name.toLowerCase()] ?? environment[name] ?? "";
  }

  async #makeDispatcher(
    protocol: string,
    { isVerified, isDirect }: { readonly isVerified: boolean; readonly isDirect: boolean },
  ): Promise<Dispatcher> {
    // Its default export has everything; a bundle's copy of it has nothing else.
    const { Agent, buildConnector, EnvHttpProxyAgent, Pool } = (await import("undici")).default;
    const trust = await this.#trust();
    const tls = { ...trust, rejectUnauthorized: isVerified };
    const patience = { timeout: CONNECT_MILLISECONDS, allowHalfOpen: true };
    const name = protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
    const proxy = isDirect ? "" : parseProxy(name, this.#said(name));
    const isProxy = (origin: string | URL): boolean => proxy !== "" && hostOf(origin) === hostOf(proxy);
    const { answerTimeout = STALL_MILLISECONDS, stallTimeout = STALL_MILLISECONDS } = this.#options;
    const stalls = { headersTimeout: answerTimeout, bodyTimeout: stallTimeout };
    const factory = (origin: string | URL, settings: object): Dispatcher => {
      const { connect, ...others } = settings as { readonly connect: buildConnector.connector };
      const fault = isProxy(origin) ? (error: Error) => new ProxyFailure(name, error) : undefined;
      return new Pool(origin, { ...others, ...stalls, connect: this.#watch(connect, fault) });
    };
    const options = { connect: buildConnector({ ...tls, ...patience }), factory };
    if (proxy === "") return new Agent(options);
    // One agent for each scheme: undici's own would take HTTP_PROXY for https too.
    return new EnvHttpProxyAgent({
      ...options,
      clientFactory: factory,
      requestTls: { ...tls, ...patience },
      proxyTls: { ...trust, ...patience },
      proxyTunnel: protocol === "https:",
      httpProxy: protocol === "http:" ? proxy : "",
      httpsProxy: protocol === "https:" ? proxy : "",
      noProxy: this.#said("NO_PROXY"),
    });
  }

  /** @param faultOf what a failed connection is told as */
  #watch(
    connect: buildConnector.connector,
    faultOf: ((error: Error) => Error) | undefined,
  ): buildConnector.connector {
    return (options, callback) => {
      const socket = connect(options, (...outcome) => {
        const [error, connected] = outcome;
        if (socket instanceof Socket) this.#connecting.delete(socket);
        if (error !== null) callback(faultOf?.(error) ?? error, null);
        else {
          waitForReader(connected);
          callback(null, connected);
        }
      }) as Socket | void;
      // Behind a proxy it comes later; the connection to the proxy is watched itself.
      if (socket instanceof Socket) this.#connecting.add(socket);
    };
  }
}

function hostOf(url: string | URL): string {
  return new URL(url).host;
}

/** Ends with an abort: undici notices it only once it is connected. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    if (signal.aborted) onAbort();
  });
}

/** A `Location`, which may be relative (RFC 9110, 10.2.2). */
export function resolveLocation(location: string, base: URL): URL {
  try {
    return new URL(location, base);
  } catch {
    // The error's own words would show the place, which may hold anything.
    throw new OciError("registry-failed", `${base.host} sends us to a place that is no URL`);
  }
}

function withoutAuthorization(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== "authorization"));
}

/** Several lines of one name are one list (RFC 9110, 5.3). */
function headerOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}

/** Where a body's own failure is kept: a connection that it breaks tells of it in words of its own. */
interface BodySource {
  failure: BodyFailure | undefined;
}

/**
 * A chunk that fills a socket's buffer (64 KiB at most in Node 22 and 24) is with the kernel before undici asks for the next, and
 * need not be copied: the copies of 167 MiB cost a fifth of a push's processor time, most of it for collecting them. A smaller one the socket may still hold.
 */
const FILLING_BYTES = 128 * 1024;

/** A body's chunks, its failure kept. */
async function* watched(body: RequestBody, source: BodySource): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body.open()) yield chunk.length < FILLING_BYTES ? Buffer.from(chunk) : chunk;
  } catch (cause) {
    source.failure = new BodyFailure(cause);
    throw cause;
  }
}

function notAllowed(url: URL, host: string): OciError {
  return new OciError(
    "registry-failed",
    url.username === "" && url.password === ""
      ? `${host} would be spoken to in plain HTTP`
      : `a URL of ${host} carries a password`,
    { hint: `Allow it with --insecure ${host} if its network is your own.` },
  );
}
