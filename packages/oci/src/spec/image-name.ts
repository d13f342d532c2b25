import { OciError } from "../errors.ts";

/** A tagged image name in full (the distribution project's reference grammar, with Docker's normalisation). */
export interface ImageName {
  /** Registry host with its port: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** `library/hello`. */
  readonly repository: string;
  readonly tag: string;
}

const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const domainPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const MAX_NAME = 255;

/**
 * Reads `NAME[:TAG]`; without a tag it is `latest`. As Docker does: a first component with a dot, a colon or upper
 * case, or `localhost`, is a registry; without one it is docker.io, and a single component belongs to `library`.
 * @throws OciError `image-invalid`
 */
export function parseImageName(text: string): ImageName {
  if (text.includes("@")) throw invalid(text, "a digest cannot be given to an image that is being made");
  const colon = text.lastIndexOf(":");
  const hasTag = colon > text.lastIndexOf("/");
  const name = hasTag ? text.slice(0, colon) : text;
  const tag = hasTag ? text.slice(colon + 1) : "latest";
  const [first = "", ...rest] = name.split("/");
  const hasDomain =
    rest.length > 0 && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  const domain = hasDomain ? first : "docker.io";
  const given = hasDomain ? rest.join("/") : name;
  const normalised = domain === "index.docker.io" ? "docker.io" : domain;
  const repository = normalised === "docker.io" && !given.includes("/") ? `library/${given}` : given;
  if (!domainPattern.test(domain)) throw invalid(text, `'${domain}' is not a registry host`);
  if (given !== given.toLowerCase()) throw invalid(text, "a repository name has no upper case");
  if (!repositoryPattern.test(repository)) throw invalid(text, `'${given}' is not a repository name`);
  if (`${normalised}/${repository}`.length > MAX_NAME)
    throw invalid(text, `it is longer than ${MAX_NAME} characters`);
  if (/^[0-9a-f]{64}$/.test(given)) throw invalid(text, "64 hexadecimal digits are an image ID, not a name");
  if (!tagPattern.test(tag)) throw invalid(text, `'${tag}' is not a tag`);
  return { domain: normalised, repository, tag };
}

/** `docker.io/library/hello:1`, as containerd names images. */
export function fullName(name: ImageName): string {
  return `${name.domain}/${name.repository}:${name.tag}`;
}

/** `hello:1`, as Docker shows and saves names. */
export function familiarName(name: ImageName): string {
  if (name.domain !== "docker.io") return fullName(name);
  return `${name.repository.replace(/^library\/(?=[^/]+$)/, "")}:${name.tag}`;
}

function invalid(text: string, reason: string): OciError {
  return new OciError("image-invalid", `'${text}' is not an image name: ${reason}`, {
    path: text,
    hint: "Write NAME[:TAG] in lower case, such as hello:1.0 or registry.example/team/hello.",
  });
}
