import { formatReference, invalidReference, parseReference } from "./reference.ts";

/** A tagged image name in full. */
export interface ImageName {
  /** Registry host with its port: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** `library/hello`. */
  readonly repository: string;
  readonly tag: string;
}

/**
 * Reads `NAME[:TAG]`, a reference that names no digest; without a tag it is `latest`.
 * @throws OciError `image-invalid`
 */
export function parseImageName(text: string): ImageName {
  if (text.includes("@"))
    throw invalidReference(
      text,
      "a digest cannot be given to where an image goes: it follows from the image",
    );
  const { domain, repository, tag = "latest" } = parseReference(text);
  return { domain, repository, tag };
}

/** `docker.io/library/hello:1`, as containerd names images. */
export function fullName(name: ImageName): string {
  return formatReference(name);
}

/** `hello:1`, as Docker shows and saves names. */
export function familiarName(name: ImageName): string {
  if (name.domain !== "docker.io") return fullName(name);
  return `${name.repository.replace(/^library\/(?=[^/]+$)/, "")}:${name.tag}`;
}
