import { OciError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { digestOf, hexOf, type Digest } from "../spec/digest.ts";
import { encodeJson } from "../spec/json.ts";
import { mediaTypes } from "../spec/media-types.ts";
import { parseJson } from "../spec/parse-json.ts";
import { encodeIndex } from "../spec/seal-image.ts";
import { asFields, asList, type Fields } from "../source/shape.ts";
import type { BlobContent } from "./blob-content.ts";
import { putUnderNames } from "./put-under-names.ts";
import type { RemoteManifest, Repository } from "./repository.ts";
import { uploadBlob } from "./upload.ts";
import type { WantedBlob } from "./wanted-blob.ts";

/** Something that is said about an image: a list of what is in it, a signature, a report. */
export interface Referrer {
  /** What kind of thing it is, also the media type of its content: `application/spdx+json`. */
  readonly artifactType: string;
  readonly content: BlobContent & WantedBlob;
  /** The content's file name (OCI image spec, annotations.md, `org.opencontainers.image.title`). */
  readonly title: string;
}

/** The config of what has none (OCI image spec, manifest.md, "Guidance for an Empty Descriptor"). */
const EMPTY = encodeJson({});
const EMPTY_TYPE = "application/vnd.oci.empty.v1+json";
/** How often an index that others write to is written again. */
const FALLBACK_ATTEMPTS = 5;

/**
 * Attaches something to an image of a repository (OCI image spec 1.1, `subject`; distribution spec 1.1, "Pushing Manifests with
 * Subject"). A registry that has no referrers API is given the tag `sha256-…` that stands for it; what others attached stays there.
 * @returns the digest of the artifact's manifest, the same for the same content and image
 * @throws OciError `registry-…`
 */
export async function attachReferrer(
  repository: Repository,
  subject: Pick<Descriptor, "mediaType" | "digest" | "size">,
  referrer: Referrer,
  signal?: AbortSignal,
): Promise<Digest> {
  const { artifactType, content, title } = referrer;
  const empty: BlobContent = {
    digest: digestOf(EMPTY),
    size: EMPTY.length,
    what: "an empty config",
    async *chunks() {
      yield EMPTY;
    },
  };
  await uploadBlob(repository, empty, { signal });
  await uploadBlob(repository, content, { signal });
  const { mediaType, digest, size } = subject;
  const bytes = encodeJson({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType,
    config: { mediaType: EMPTY_TYPE, digest: digestOf(EMPTY), size: EMPTY.length },
    layers: [
      {
        mediaType: artifactType,
        digest: content.digest,
        size: content.size,
        annotations: { "org.opencontainers.image.title": title },
      },
    ],
    subject: { mediaType, digest, size },
  });
  const manifest = { mediaType: mediaTypes.manifest, digest: digestOf(bytes), bytes };
  await putUnderNames(repository, manifest, [], signal);
  if (!(await repository.hasReferrers(digest, signal))) {
    const entry = {
      mediaType: manifest.mediaType,
      digest: manifest.digest,
      size: bytes.length,
      artifactType,
    };
    await addToFallback(repository, digest, entry, signal);
  }
  return manifest.digest;
}

/** Adds an entry to the index under the tag that stands for the referrers API (distribution spec, "Referrers Tag Schema"). */
async function addToFallback(
  repository: Repository,
  subject: Digest,
  entry: Descriptor & { readonly artifactType: string },
  signal: AbortSignal | undefined,
): Promise<void> {
  const tag = `sha256-${hexOf(subject)}`;
  // Registries know no way to write only what nobody else wrote meanwhile: it is looked at afterwards.
  for (let attempt = 0; attempt < FALLBACK_ATTEMPTS; attempt++) {
    const existing = await repository.readManifest(tag, signal);
    const { manifests, ...others } = existing === undefined ? { manifests: [] } : readIndex(existing, tag);
    if (manifests.some((listed) => (listed as Fields | null)?.["digest"] === entry.digest)) return;
    const bytes = encodeIndex([...manifests, entry], others);
    await repository.putManifest(
      tag,
      { mediaType: mediaTypes.index, digest: digestOf(bytes), bytes },
      signal,
    );
  }
  throw new OciError(
    "registry-failed",
    `${repository.registry.domain}: somebody else keeps writing to ${repository.name}:${tag}`,
    { path: repository.registry.domain, hint: "Try again." },
  );
}

function readIndex(
  { bytes }: RemoteManifest,
  tag: string,
): { readonly manifests: readonly unknown[]; readonly [key: string]: unknown } {
  try {
    const { schemaVersion: _version, mediaType: _type, ...index } = asFields(parseJson(bytes), "the index");
    return { ...index, manifests: asList(index["manifests"], "manifests") };
  } catch (cause) {
    throw new OciError("registry-failed", `the tag ${tag}, which stands for what is attached, is no index`, {
      cause,
      hint: "See what is there; it is left as it is.",
    });
  }
}
