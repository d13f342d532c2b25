import { isIPv4 } from "node:net";

/** Whether a URL's host is this machine itself, so that what is said to it goes over no wire. */
export function isLoopback(url: URL): boolean {
  const host = url.hostname;
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host === "[::1]" ||
    (isIPv4(host) && host.startsWith("127."))
  );
}

/** Registries that may be spoken to without a certificate that is verified. */
export class TrustedOrigins {
  readonly #insecure: ReadonlySet<string>;

  /** @param insecure hosts with their ports, as references name them */
  constructor(insecure: readonly string[]) {
    this.#insecure = new Set(insecure.map((host) => host.toLowerCase()));
  }

  /** Whether the user said that this host need not prove who it is. */
  isInsecure(url: URL): boolean {
    return this.#insecure.has(url.host) || this.#insecure.has(`${url.hostname}:${portOf(url)}`);
  }

  /** Whether anything may be said to a URL at all: HTTPS, or plain HTTP to loopback or an insecure registry. */
  allows(url: URL): boolean {
    if (url.username !== "" || url.password !== "") return false;
    return (
      url.protocol === "https:" || (url.protocol === "http:" && (isLoopback(url) || this.isInsecure(url)))
    );
  }
}

function portOf(url: URL): string {
  return url.port === "" ? ({ "https:": "443", "http:": "80" }[url.protocol] ?? "") : url.port;
}
