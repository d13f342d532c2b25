import { OciError } from "../../errors.ts";
import type { HttpClient } from "../http/http-client.ts";
import { parseChallenges, type Challenge } from "./challenge.ts";
import { basicHeader, type Credentials, type CredentialSource } from "./credentials.ts";
import { fetchToken, type Token } from "./token.ts";

/** What a request is for: a repository, and the token scopes that it needs. */
export interface Purpose {
  readonly repository: string;
  readonly scopes: readonly string[];
}

/** Knows what to show one registry. Nothing is shown before it asks; a token is asked for once, however many want it. */
export class Authorizer {
  readonly #client: HttpClient;
  readonly #domain: string;
  readonly #source: CredentialSource | undefined;
  readonly #credentials = new Map<string, Promise<Credentials | undefined>>();
  readonly #basic = new Map<string, string>();
  readonly #tokens = new Map<string, Token>();
  readonly #renewals = new Map<string, Promise<void>>();

  constructor(client: HttpClient, domain: string, source: CredentialSource | undefined) {
    this.#client = client;
    this.#domain = domain;
    this.#source = source;
  }

  /** The value of `Authorization` that is known to be good by now. */
  headerFor({ repository, scopes }: Purpose): string | undefined {
    const token = this.#tokens.get(scopes.join(" "));
    if (token !== undefined && performance.now() < token.expires) return `Bearer ${token.value}`;
    return this.#basic.get(repository);
  }

  /**
   * Finds a new header after a 401.
   * @param refused the request's URL, what was shown, and what was asked for
   * @throws OciError `registry-denied` where there is nothing else to show
   */
  async renew(
    purpose: Purpose,
    refused: { readonly url: URL; readonly header: string | undefined; readonly challenge: string },
    signal?: AbortSignal,
  ): Promise<void> {
    // Somebody else was refused the same and has a new one already.
    const known = this.headerFor(purpose);
    if (known !== undefined && known !== refused.header) return;
    const key = purpose.scopes.join(" ");
    const running = this.#renewals.get(key);
    if (running !== undefined) return running;
    const renewal = this.#renew(purpose, refused, signal).finally(() => this.#renewals.delete(key));
    this.#renewals.set(key, renewal);
    return renewal;
  }

  async #renew(
    purpose: Purpose,
    refused: { readonly url: URL; readonly header: string | undefined; readonly challenge: string },
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const challenges = parseChallenges(refused.challenge);
    const credentials = await this.#credentialsFor(purpose.repository, signal);
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) {
      this.#tokens.set(
        purpose.scopes.join(" "),
        await this.#token(bearer, purpose, { ...refused, credentials, signal }),
      );
      return;
    }
    if (!challenges.some(({ scheme }) => scheme === "basic")) {
      throw new OciError(
        "registry-denied",
        `${this.#domain} asks for credentials in a way that nobody here knows`,
        { path: this.#domain },
      );
    }
    if (credentials?.kind !== "password") throw this.#noCredentials();
    const header = basicHeader(credentials);
    if (header === refused.header) throw this.#wrongCredentials();
    this.#basic.set(purpose.repository, header);
  }

  async #token(
    { parameters }: Challenge,
    { scopes }: Purpose,
    context: {
      readonly url: URL;
      readonly credentials: Credentials | undefined;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<Token> {
    const { url, credentials, signal } = context;
    if (credentials?.kind === "bearer") return { value: credentials.token, expires: Infinity };
    const { realm, service, scope } = parameters;
    if (realm === undefined)
      throw new OciError("registry-failed", `${this.#domain} names no token server`, { path: this.#domain });
    return fetchToken(
      this.#client,
      { realm, service, scopes: withAsked(scopes, scope) },
      { registry: url, credentials, signal },
    );
  }

  #credentialsFor(repository: string, signal: AbortSignal | undefined): Promise<Credentials | undefined> {
    const known = this.#credentials.get(repository);
    if (known !== undefined) return known;
    const asked = this.#source?.({ domain: this.#domain, repository }, signal) ?? Promise.resolve(undefined);
    this.#credentials.set(repository, asked);
    return asked;
  }

  #noCredentials(): OciError {
    return new OciError("registry-denied", `${this.#domain} wants credentials, and there are none for it`, {
      path: this.#domain,
      hint: `Log in with docker login ${this.#domain}, or give --username and --password-stdin.`,
    });
  }

  #wrongCredentials(): OciError {
    return new OciError("registry-denied", `${this.#domain} does not accept the credentials`, {
      path: this.#domain,
      hint: `Log in again: docker login ${this.#domain}, or give --username and --password-stdin.`,
    });
  }
}

/**
 * The scopes of a purpose, and those that a registry asks for of anything else: one that shows several as one knows its repositories
 * by other names. What it asks for of the same repository is less, for one request only.
 */
function withAsked(scopes: readonly string[], asked: string | undefined): string[] {
  const known = new Set(scopes.map(withoutActions));
  const others = (asked ?? "")
    .split(" ")
    .filter((scope) => scope !== "" && !known.has(withoutActions(scope)));
  return [...scopes, ...others];
}

/** `repository:team/app` of `repository:team/app:pull,push`. */
function withoutActions(scope: string): string {
  return scope.replace(/:[^:]*$/, "");
}
