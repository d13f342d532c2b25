import { OciError } from "../../errors.ts";
import type { HttpClient } from "../http/http-client.ts";
import { bodyOf, readSmall, type HttpRequest } from "../http/message.ts";
import { resolveLocation } from "../http/http-client.ts";
import { sendOnce } from "../http/send-once.ts";
import { basicHeader, type Credentials } from "./credentials.ts";

/** A token and until when it is good, on the clock of `performance.now()`. */
export interface Token {
  readonly value: string;
  readonly expires: number;
}

export interface TokenQuestion {
  /** The token server, as the challenge names it. */
  readonly realm: string;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
}

const TOKEN_BYTES = 1024 * 1024;
/** The lifetime of a token that says nothing (distribution project, "Token Authentication Specification"), in seconds. */
const DEFAULT_LIFETIME = 60;
/** A token is renewed so many seconds before its end: a request takes time on its way. */
const MARGIN = 5;

/**
 * Asks a token server for a bearer token: by GET with Basic or anonymously, or by POST with a refresh token (distribution project,
 * "Token Authentication Specification" and "OAuth2 Token Authentication").
 * @throws OciError `registry-denied`, `registry-failed`
 */
export async function fetchToken(
  client: HttpClient,
  question: TokenQuestion,
  options: {
    readonly registry: URL;
    readonly credentials: Credentials | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Token> {
  const { registry, credentials, signal } = options;
  const asked = performance.now();
  const realm = resolveLocation(question.realm, registry);
  const request =
    credentials?.kind === "identity"
      ? refreshRequest(realm, question, credentials.token)
      : tokenRequest(realm, question, credentials);
  if (credentials?.kind === "identity") client.secrets.add(credentials.token);
  const host = client.secrets.censor(realm.host);
  const response = await sendOnce(client, request, `a token of ${host}`, signal);
  if (response.status === 401 || response.status === 403) {
    response.body.on("error", () => {}).destroy();
    throw new OciError(
      "registry-denied",
      credentials === undefined
        ? `${registry.host} gives nothing without credentials`
        : `${registry.host} does not accept the credentials`,
      { hint: `Log in again: docker login ${registry.host}, or give --username and --password-stdin.` },
    );
  }
  return readToken(await readSmall(response, TOKEN_BYTES), {
    host,
    status: response.status,
    asked,
  });
}

function tokenRequest(
  realm: URL,
  { service, scopes }: TokenQuestion,
  credentials: Credentials | undefined,
): HttpRequest {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (credentials?.kind !== "password") return { method: "GET", url };
  return { method: "GET", url, headers: { authorization: basicHeader(credentials) } };
}

function refreshRequest(realm: URL, { service, scopes }: TokenQuestion, token: string): HttpRequest {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: "stowage",
    refresh_token: token,
    scope: scopes.join(" "),
    ...(service === undefined ? {} : { service }),
  });
  return {
    method: "POST",
    url: realm,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: bodyOf(Buffer.from(form.toString())),
    isSecret: true,
  };
}

function readToken(
  bytes: Buffer | undefined,
  { host, status, asked }: { readonly host: string; readonly status: number; readonly asked: number },
): Token {
  const failed = (): OciError =>
    new OciError("registry-failed", `the token server ${host} answers ${status} without a token`);
  let answer: unknown;
  try {
    answer = JSON.parse(bytes?.toString() ?? "");
  } catch {
    throw failed();
  }
  const { token, access_token, expires_in } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  const value = [token, access_token].find((word) => typeof word === "string" && word !== "");
  // A token goes into a header: what cannot stand there is none.
  if (typeof value !== "string" || !/^[\x21-\x7e]+$/.test(value)) throw failed();
  const lifetime = typeof expires_in === "number" && expires_in > 0 ? expires_in : DEFAULT_LIFETIME;
  return { value, expires: asked + Math.max(1, lifetime - MARGIN) * 1000 };
}
