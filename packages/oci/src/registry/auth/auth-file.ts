import { OciError } from "../../errors.ts";
import type { Reference } from "../../spec/reference.ts";
import type { Credentials } from "./credentials.ts";

/** What a file of credentials has for a repository: the credentials, or the program that keeps them. */
export type AuthFileEntry =
  | Credentials
  /** `docker-credential-NAME`, asked for a server. */
  | { readonly kind: "helper"; readonly helper: string; readonly server: string };

/** A file of credentials, parsed. */
export interface AuthFile {
  /** Everything it has for a repository, what counts first first. */
  find(repository: Pick<Reference, "domain" | "repository">): AuthFileEntry[];
}

/** What Docker calls its own registry in such files. */
const DOCKER_SERVER = "https://index.docker.io/v1/";

/**
 * Reads the form that Docker (`config.json`) and the containers tools (`auth.json`, containers-auth.json(5)) share: a program
 * for a registry, a program for all, an entry of the file; entries for a part of a registry win over those for all of it.
 * @param path what errors call the file
 * @throws OciError `credentials-unusable`
 */
export function parseAuthFile(text: string, path: string): AuthFile {
  const document = parse(text, path);
  const auths = objectOf(document["auths"]);
  const helpers = objectOf(document["credHelpers"]);
  const store = document["credsStore"];
  return {
    find({ domain, repository }) {
      const keys = keysFor(domain, repository);
      const found: AuthFileEntry[] = [];
      for (const key of keys) {
        const helper = helpers[key];
        if (isHelper(helper)) found.push({ kind: "helper", helper, server: serverFor(key) });
      }
      if (isHelper(store)) found.push({ kind: "helper", helper: store, server: serverFor(domain) });
      for (const key of keys) {
        const named = Object.entries(auths).find(([name]) => name === key || hostOf(name) === key);
        const entry = named && readEntry(objectOf(named[1]), path, key);
        if (entry !== undefined) found.push(entry);
      }
      return found;
    },
  };
}

/** `host/team/app`, `host/team`, `host`: the longest counts. */
function keysFor(domain: string, repository: string): string[] {
  const parts = repository.split("/");
  const keys = parts.map((_, index) => [domain, ...parts.slice(0, parts.length - index)].join("/"));
  return [...keys, domain, ...(domain === "docker.io" ? ["index.docker.io"] : [])];
}

/** The host of a key that is a URL, as older files have it: `https://index.docker.io/v1/`. */
function hostOf(key: string): string {
  const match = /^https?:\/\/([^/]+)(?:\/.*)?$/.exec(key);
  return match?.[1] ?? key;
}

function serverFor(key: string): string {
  return key === "docker.io" || key === "index.docker.io" ? DOCKER_SERVER : key;
}

/** A program's name becomes part of a command: nothing that leads somewhere else. */
function isHelper(value: unknown): value is string {
  return typeof value === "string" && /^[\w.-]+$/.test(value);
}

function readEntry(
  entry: Readonly<Record<string, unknown>>,
  path: string,
  key: string,
): Credentials | undefined {
  const { auth, identitytoken, registrytoken, username, password } = entry;
  if (isWord(identitytoken)) return { kind: "identity", token: identitytoken };
  if (isWord(registrytoken)) return { kind: "bearer", token: registrytoken };
  if (isWord(username) && isWord(password)) return { kind: "password", username, password };
  if (!isWord(auth)) return undefined;
  const decoded = Buffer.from(auth, "base64").toString();
  const colon = decoded.indexOf(":");
  if (colon < 1) throw unusable(path, `the entry of ${key} is not a user and a password`);
  // Docker pads what it encodes with NUL.
  return {
    kind: "password",
    username: decoded.slice(0, colon),
    password: decoded.slice(colon + 1).replace(/\0+$/, ""),
  };
}

function isWord(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function parse(text: string, path: string): Readonly<Record<string, unknown>> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // What the parser says would show a part of the file.
    throw unusable(path, "it is not JSON");
  }
  if (typeof document !== "object" || document === null || Array.isArray(document))
    throw unusable(path, "it is not a JSON object");
  return document as Record<string, unknown>;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function unusable(path: string, reason: string): OciError {
  return new OciError("credentials-unusable", `the credentials in '${path}' cannot be read: ${reason}`, {
    path,
    hint: "Mend the file, or log in again.",
  });
}
