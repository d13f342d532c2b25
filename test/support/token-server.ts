import { createSign } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Certificate } from "./certificates.ts";

/** A server that gives bearer tokens (distribution project, "Token Authentication Specification"), a test's own. */
export interface TokenServer extends AsyncDisposable {
  readonly realm: string;
  /** What it was asked so far: `GET service=… scope=… as NAME`. */
  readonly questions: readonly string[];
}

export interface TokenServerSettings {
  /** Whose key signs tokens; the registry trusts the certificate. */
  readonly signer: Certificate;
  /** Whom it gives tokens, by name; without, everybody. */
  readonly users?: Readonly<Record<string, string>> | undefined;
  /** Refresh tokens that it takes for a login. */
  readonly refreshTokens?: readonly string[] | undefined;
  /** Seconds for which a token is good. */
  readonly lifetime?: number | undefined;
}

export async function startTokenServer(settings: TokenServerSettings): Promise<TokenServer> {
  const { users, refreshTokens = [], lifetime = 300 } = settings;
  const questions: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "http://localhost");
      const asked = request.method === "POST" ? new URLSearchParams(body) : url.searchParams;
      const [name, password] = readBasic(request.headers.authorization);
      const isWelcome =
        request.method === "POST"
          ? refreshTokens.includes(asked.get("refresh_token") ?? "")
          : users === undefined || (name !== undefined && users[name] === password);
      const scopes = asked.getAll("scope").flatMap((scope) => scope.split(" "));
      questions.push(`${request.method} ${scopes.join(" ")} as ${name ?? "nobody"}`);
      if (!isWelcome) {
        response.writeHead(401).end("{}");
        return;
      }
      const token = signToken(settings.signer, asked.get("service") ?? "", scopes, lifetime);
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ token, expires_in: lifetime }));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    realm: `http://127.0.0.1:${port}/token`,
    questions,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function readBasic(header: string | undefined): string[] {
  if (!header?.startsWith("Basic ")) return [];
  return Buffer.from(header.slice("Basic ".length), "base64").toString().split(":");
}

/** A JSON web token that Debian's docker-registry takes: RS256, with the signer's certificate in its header. */
function signToken(
  signer: Certificate,
  audience: string,
  scopes: readonly string[],
  lifetime: number,
): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const certificate = readFileSync(signer.certificate, "utf8").replaceAll(/-----[A-Z ]+-----|\s/g, "");
  const now = Math.floor(Date.now() / 1000);
  const access = scopes.map((scope) => {
    const [type, name, actions = ""] = scope.split(":");
    return { type, name, actions: actions.split(",") };
  });
  const claims = {
    iss: "test",
    sub: "",
    aud: audience,
    exp: now + lifetime,
    nbf: now - 10,
    iat: now,
    jti: "1",
    access,
  };
  const text = `${encode({ typ: "JWT", alg: "RS256", x5c: [certificate] })}.${encode(claims)}`;
  const signature = createSign("RSA-SHA256").update(text).sign(readFileSync(signer.key, "utf8"), "base64url");
  return `${text}.${signature}`;
}
