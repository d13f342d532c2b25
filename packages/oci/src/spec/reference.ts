import { OciError } from "../errors.ts";
import { parseDigest, type Digest } from "./digest.ts";

/** An image in a registry as people write it (the distribution project's reference grammar, with Docker's normalisation). */
export interface Reference {
  /** Registry host with its port: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** `library/hello`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const domainPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const MAX_NAME = 255;

/**
 * Reads `NAME[:TAG][@DIGEST]`. As Docker does: a first component with a dot, a colon or upper case, or `localhost`, is a
 * registry; without one it is docker.io, and a single component belongs to `library`.
 * @throws OciError `image-invalid`
 */
export function parseReference(text: string): Reference {
  const at = text.indexOf("@");
  const digest = at === -1 ? undefined : parseDigest(text.slice(at + 1));
  const tagged = at === -1 ? text : text.slice(0, at);
  const colon = tagged.lastIndexOf(":");
  const hasTag = colon > tagged.lastIndexOf("/");
  const name = hasTag ? tagged.slice(0, colon) : tagged;
  const tag = hasTag ? tagged.slice(colon + 1) : undefined;
  const { domain, repository } = parseName(text, name);
  if (tag !== undefined && !tagPattern.test(tag)) throw invalidReference(text, `'${tag}' is not a tag`);
  return {
    domain,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** Whether a text can be read as a reference. */
export function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether a text looks like an image in a registry and like nothing else: it names the registry, a tag or a digest. `result`
 * alone could be one of Docker Hub's, and is not what anybody means by it.
 */
export function isRegistryReference(text: string): boolean {
  if (!isReference(text)) return false;
  const { tag, digest } = parseReference(text);
  return tag !== undefined || digest !== undefined || namesRegistry(text.split("/"));
}

/** `docker.io/library/hello:1@sha256:…`: the reference in full. */
export function formatReference({ domain, repository, tag, digest }: Reference): string {
  const tagged = tag === undefined ? "" : `:${tag}`;
  return `${domain}/${repository}${tagged}${digest === undefined ? "" : `@${digest}`}`;
}

function parseName(text: string, name: string): Pick<Reference, "domain" | "repository"> {
  const [first = "", ...rest] = name.split("/");
  const hasDomain = namesRegistry([first, ...rest]);
  const domain = hasDomain ? first : "docker.io";
  const given = hasDomain ? rest.join("/") : name;
  const normalised = domain === "index.docker.io" ? "docker.io" : domain;
  const repository = normalised === "docker.io" && !given.includes("/") ? `library/${given}` : given;
  if (!domainPattern.test(domain)) throw invalidReference(text, `'${domain}' is not a registry host`);
  if (given !== given.toLowerCase()) throw invalidReference(text, "a repository name has no upper case");
  if (!repositoryPattern.test(repository))
    throw invalidReference(text, `'${given}' is not a repository name`);
  if (`${normalised}/${repository}`.length > MAX_NAME)
    throw invalidReference(text, `it is longer than ${MAX_NAME} characters`);
  if (/^[0-9a-f]{64}$/.test(given))
    throw invalidReference(text, "64 hexadecimal digits are an image ID, not a name");
  return { domain: normalised, repository };
}

/** Whether the first of a name's components is a registry, as Docker tells. */
function namesRegistry([first = "", ...rest]: readonly string[]): boolean {
  return rest.length > 0 && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
}

export function invalidReference(text: string, reason: string): OciError {
  // How the containers tools and browsers name what is in a registry.
  const [, scheme, name] = /^(docker|https?):\/\/(.+)$/.exec(text) ?? [];
  return new OciError("image-invalid", `'${text}' is not an image name: ${reason}`, {
    path: text,
    hint:
      name === undefined
        ? "Write NAME[:TAG] in lower case, such as hello:1.0 or registry.example/team/hello."
        : `An image in a registry is named without ${scheme}://: ${name}`,
  });
}
