import { OciError } from "../errors.ts";
import { readBlob } from "../registry/read-blob.ts";
import type { RemoteManifest, Repository } from "../registry/repository.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { documentKind } from "../spec/media-kinds.ts";
import { formatPlatform, type Platform } from "../spec/platform.ts";
import { formatReference, type Reference } from "../spec/reference.ts";
import { encodeIndex, LAYOUT_MARKER, NAME_ANNOTATION } from "../spec/seal-image.ts";
import { isFor, listPlatforms, platformMissing } from "./choose-platform.ts";
import type { ImageSource, StoredBlob } from "./image-source.ts";
import { parseJson } from "../spec/parse-json.ts";
import { readDescriptor, type ReadDescriptor } from "./read-index.ts";
import { asFields, asList, asOptionalText } from "./shape.ts";

/** An index of indexes of indexes is nothing that anybody makes. */
const MAX_DEPTH = 4;

/** Which image of several is meant. */
export interface RegistryImageOptions {
  /** As the user named it; default the reference in full. */
  readonly place?: string | undefined;
  /**
   * Which image of an index is meant: it alone is there then. `one` takes the only one that there is. Default all, the index
   * with them.
   */
  readonly platform?: Platform | "one" | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens what a registry has under a tag or a digest. Its manifest is read now, so a tag that is moved afterwards does not
 * make it another image; blobs are read when they are wanted. It looks like a layout with one entry in its index.
 * @throws OciError `registry-…`; `image-missing` for a platform that there is not, or several where one is meant
 */
export async function openRegistryImage(
  repository: Repository,
  { tag = "latest", digest }: Pick<Reference, "tag" | "digest">,
  options: RegistryImageOptions = {},
): Promise<ImageSource> {
  const { signal, platform } = options;
  const { domain } = repository.registry;
  const reference = { domain, repository: repository.name };
  const full = formatReference(digest === undefined ? { ...reference, tag } : { ...reference, digest });
  const place = options.place ?? full;
  const manifests = new Manifests(repository, place);
  const named = await manifests.read(digest ?? tag, signal);
  const meant =
    platform === undefined ? named : await chooseManifest(manifests, named, { platform, place, signal });
  const descriptor: Descriptor = {
    mediaType: meant.mediaType,
    digest: meant.digest,
    size: meant.bytes.length,
    ...(digest === undefined ? { annotations: { [NAME_ANNOTATION]: full } } : {}),
  };
  const members = new Map([
    ["oci-layout", LAYOUT_MARKER],
    ["index.json", encodeIndex([descriptor])],
  ]);
  return {
    place,
    form: "registry",
    repository: { domain, name: repository.name },
    irregularities: [],
    async member(name) {
      const bytes = members.get(name);
      return bytes && inMemory(name, bytes);
    },
    async blob({ digest, mediaType, size }) {
      const isBlob = !["index", "manifest"].includes(documentKind(mediaType) ?? "");
      if (isBlob) {
        return { name: digest, size, chunks: (signal) => readBlob(repository, { digest, size }, signal) };
      }
      const manifest = await manifests.find(digest, signal);
      return manifest && inMemory(digest, manifest.bytes);
    },
    list: async () => [],
    [Symbol.asyncDispose]: async () => {},
  };
}

function inMemory(name: string, bytes: Buffer): StoredBlob {
  return {
    name,
    size: bytes.length,
    async *chunks() {
      yield bytes;
    },
  };
}

/** Manifests of a repository, each asked for once: some registries count who reads them. */
class Manifests {
  readonly #repository: Repository;
  readonly #place: string;
  readonly #known = new Map<string, RemoteManifest>();

  constructor(repository: Repository, place: string) {
    this.#repository = repository;
    this.#place = place;
  }

  async find(name: string, signal: AbortSignal | undefined): Promise<RemoteManifest | undefined> {
    const known = this.#known.get(name) ?? (await this.#repository.readManifest(name, signal));
    if (known === undefined) return undefined;
    const manifest = { ...known, mediaType: mediaTypeOf(known) };
    this.#known.set(manifest.digest, manifest);
    return manifest;
  }

  async read(name: string, signal: AbortSignal | undefined): Promise<RemoteManifest> {
    const manifest = await this.find(name, signal);
    if (manifest !== undefined) return manifest;
    const { registry } = this.#repository;
    throw new OciError("registry-missing", `${registry.domain} has no '${this.#place}'`, {
      path: this.#place,
      hint: "Check its name and its tag.",
    });
  }
}

/** Some registries say no more than that it is JSON; the document knows. */
function mediaTypeOf({ mediaType, bytes }: RemoteManifest): string {
  if (documentKind(mediaType) !== undefined) return mediaType;
  try {
    return asOptionalText(asFields(parseJson(bytes), "")["mediaType"], "") ?? mediaType;
  } catch {
    return mediaType;
  }
}

/** The one manifest that is meant, through indexes. */
async function chooseManifest(
  manifests: Manifests,
  from: RemoteManifest,
  wanted: {
    readonly platform: Platform | "one";
    readonly place: string;
    readonly signal: AbortSignal | undefined;
  },
): Promise<RemoteManifest> {
  const { platform, place, signal } = wanted;
  let current = from;
  for (let depth = 0; documentKind(current.mediaType) === "index"; depth++) {
    if (depth === MAX_DEPTH) throw corrupted(place, "its indexes are nested too deep");
    const images = imagesIn(current, place);
    const matching = platform === "one" ? images : images.filter((image) => isFor(platform, image.platform));
    // Some indexes of one image do not say what it is for.
    const candidates =
      matching.length === 0 && images.length === 1 && !images[0]?.platform ? images : matching;
    const [image] = candidates;
    const digests = new Set(candidates.map(({ digest }) => digest));
    if (image === undefined && platform !== "one")
      throw platformMissing(place, platform, platformsOf(images));
    if (image === undefined || digests.size > 1) throw severalImages(place, platformsOf(candidates));
    current = await manifests.read(image.digest, signal);
  }
  return current;
}

/** An index's images, without what BuildKit says about them, whose platform is no platform. */
function imagesIn({ bytes }: RemoteManifest, place: string): ReadDescriptor[] {
  try {
    const index = asFields(parseJson(bytes), "the index");
    return asList(index["manifests"], "manifests")
      .map((entry) => readDescriptor(entry, "manifests"))
      .filter(({ mediaType }) => ["index", "manifest"].includes(documentKind(mediaType) ?? ""))
      .filter(({ platform }) => platform?.os !== "unknown");
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    throw corrupted(place, cause.message, cause);
  }
}

function platformsOf(images: readonly ReadDescriptor[]): Platform[] {
  return images.flatMap(({ platform }) => platform ?? []);
}

function severalImages(place: string, offered: readonly Platform[]): OciError {
  const [first] = offered;
  return new OciError(
    "image-missing",
    `'${place}' is an index: it has images for ${listPlatforms(offered)}`,
    {
      path: place,
      hint:
        first === undefined
          ? "Name one of them by its digest."
          : `Say which is meant with --platform ${formatPlatform(first)}, or name it by its digest.`,
    },
  );
}

function corrupted(place: string, reason: string, cause?: unknown): OciError {
  return new OciError("image-corrupted", `'${place}' is not an image that can be read: ${reason}`, {
    path: place,
    cause,
  });
}
