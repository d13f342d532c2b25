import type { CacheAnswer, CacheSource, Transport } from "./cache-source.ts";
import { leads } from "./file-source.ts";

/** A binary cache on the network. */
export class HttpSource implements CacheSource {
  readonly name: string;
  /** Ends in a slash. */
  readonly #base: URL;
  readonly #transport: Transport;

  constructor(base: URL, transport: Transport) {
    this.#base = new URL(base);
    if (!this.#base.pathname.endsWith("/")) this.#base.pathname += "/";
    this.name = this.#base.href.replace(/\/$/, "");
    this.#transport = transport;
  }

  async get(name: string, signal: AbortSignal | undefined): Promise<CacheAnswer> {
    return this.#transport.get(this.#resolve(name), { signal });
  }

  /** Resolved by the rules of URLs, which know more ways out than `..`: what is not below the cache then is refused. */
  #resolve(name: string): URL {
    const url = URL.parse(name, this.#base.href);
    const isBelow =
      url?.origin === this.#base.origin &&
      url.pathname.startsWith(this.#base.pathname) &&
      url.username === "" &&
      url.password === "" &&
      !/^[a-z][a-z0-9+.-]*:|^[/\\]|(^|[/\\])(\.|%2e){2}([/\\?#]|$)/i.test(name);
    if (url === null || !isBelow) throw leads(this.name, name);
    return url;
  }
}
