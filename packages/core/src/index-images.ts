import {
  combineIndex,
  familiarName,
  formatPlatform,
  fullName,
  parseImageName,
  pushStored,
  readStoredImages,
  Repository,
  writeStoredArchive,
  writeStoredLayout,
  type ImageName,
  type ImageSource,
  type IndexEntry,
  type StoredImage,
} from "@stowage/oci";
import { chooseStored, partsOf } from "@stowage/oci/internal";
import { readAnnotations } from "./build/config/annotations.ts";
import { CoreError } from "./errors.ts";
import { openImageAt, type ImageAccess } from "./registry/open-image-at.ts";
import { openPushRegistries } from "./registry/open-push-registries.ts";
import { parsePushPlaces, type PushedName, type PushPlace } from "./registry/push-draft-to.ts";
import type { Registries, RegistryAccess } from "./registry/registry-access.ts";

/** The options of the `index` command, as data. */
export interface IndexOptions {
  /** Archives, layout directories, docker-archives, references in registries; of an index its own images count. */
  readonly images: readonly string[];
  /** A file's or a layout directory's path. */
  readonly output?: string | undefined;
  /** `archive`: an OCI layout in a tar; `oci-dir`: a layout directory. Default `archive`. */
  readonly format?: "archive" | "oci-dir" | undefined;
  /** What the output calls it, `NAME[:TAG]`; default the name that all images have, if there is one. */
  readonly tags?: readonly string[] | undefined;
  /** Annotations of the index, keys as of `pack`; they win over those that all images have, which are its own too. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Where it is pushed to, `REGISTRY/NAME[:TAG]`. */
  readonly push?: readonly string[] | undefined;
  /** How registries are spoken to; a name and a password are for the one that is pushed to. */
  readonly registry?: RegistryAccess | undefined;
  /** Default `process.env`. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?:
    | ((progress: {
        readonly phase: "push" | "write";
        readonly written: number;
        readonly total: number;
      }) => void)
    | undefined;
}

/** One image of an index that was made. */
export interface IndexedImage {
  /** As it was named. */
  readonly image: string;
  readonly manifestDigest: string;
  /** `linux/amd64`; missing for what says something about another image. */
  readonly platform?: string;
}

/** An index that was made. */
export interface IndexResult {
  readonly manifestDigest: string;
  readonly mediaType: string;
  /** In the index's order. */
  readonly images: readonly IndexedImage[];
  readonly output?: string;
  readonly tags: readonly string[];
  readonly pushed: readonly PushedName[];
}

/**
 * Makes one index of images for several platforms, and brings it, with all of them, into a file, a layout directory or a registry.
 * Same images, same bytes, whatever their order.
 * @throws OciError `image-invalid` for two images of one platform; `image-…`, `registry-…`, `output-…`
 * @throws CoreError `option-invalid`
 * @example
 * ```ts
 * await indexImages({ images: ["amd64.tar", "arm64.tar"], push: ["registry.example/app:1"] });
 * ```
 */
export async function indexImages(options: IndexOptions): Promise<IndexResult> {
  const { images, output, signal, environment = process.env } = options;
  const places = parsePushPlaces(options.push ?? []);
  if (images.length === 0) {
    throw new CoreError("option-invalid", "an index of no images", {
      hint: "Name archives, layout directories or references in registries.",
    });
  }
  if (output === undefined && places.length === 0) {
    throw new CoreError("option-invalid", "nothing says where the index goes", {
      hint: "Give a reference in a registry, or a file with -o.",
    });
  }
  await using registries = await openPushRegistries(places, options, environment);
  const opened: OpenedImage[] = [];
  try {
    for (const place of images)
      opened.push(await openOne(place, { registry: registries, environment, signal }));
    return await makeIndex(opened, { places, registries }, options);
  } finally {
    for (const { source } of opened) await source[Symbol.asyncDispose]();
  }
}

/** One of the images, its documents read. */
interface OpenedImage {
  readonly place: string;
  readonly source: ImageSource;
  readonly image: StoredImage;
  readonly names: readonly string[];
}

async function openOne(place: string, access: ImageAccess): Promise<OpenedImage> {
  const source = await openImageAt(place, access);
  try {
    const listed = await readStoredImages(source, access.signal);
    const names = listed.flatMap((entry) => entry.names);
    return { place, source, image: chooseStored(listed, { place }), names };
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

async function makeIndex(
  read: readonly OpenedImage[],
  { places, registries }: { readonly places: readonly PushPlace[]; readonly registries: Registries },
  options: IndexOptions,
): Promise<IndexResult> {
  const { output, signal } = options;
  const { annotations } = readAnnotations(options.annotations ?? {});
  const { index, entries } = combineIndex(read, annotations);
  const names = nameIndex(options.tags, read);

  const size = partsOf(index).blobs.reduce((sum, blob) => sum + blob.size, 0);
  const count = (phase: "push" | "write", total: number) => {
    let written = 0;
    return (bytes: number): void => options.onProgress?.({ phase, written: (written += bytes), total });
  };
  if (output !== undefined) {
    const write = options.format === "oci-dir" ? writeStoredLayout : writeStoredArchive;
    await write(output, index, { names, signal, onBytes: count("write", size) });
  }
  const pushed: PushedName[] = [];
  const onBytes = count("push", size * places.length);
  for (const { domain, repository, names } of places) {
    const target = new Repository(registries.get(domain), repository, "pull,push");
    const { sent } = await pushStored(
      index,
      { repository: target, tags: names.map(({ tag }) => tag) },
      { signal, onBytes },
    );
    pushed.push(
      ...names.map((name) => ({ reference: familiarName(name), manifestDigest: index.digest, sent })),
    );
  }
  return {
    manifestDigest: index.digest,
    mediaType: index.mediaType,
    images: entries.map(describeEntry),
    ...(output === undefined ? {} : { output }),
    tags: names.map(familiarName),
    pushed,
  };
}

function describeEntry({ place, image, platform }: IndexEntry): IndexedImage {
  return {
    image: place,
    manifestDigest: image.digest,
    ...(platform === undefined ? {} : { platform: formatPlatform(platform) }),
  };
}

/** The names that are given, or the one name that all images have. */
function nameIndex(
  tags: readonly string[] | undefined,
  read: readonly { readonly names: readonly string[] }[],
): ImageName[] {
  if (tags !== undefined && tags.length > 0) return tags.map((tag) => parseImageName(tag));
  const [first, ...others] = read.map(({ names }) => names);
  const common = (first ?? []).filter((name) => others.every((names) => names.includes(name)));
  const parsed = common.flatMap((name): ImageName[] => {
    try {
      return [parseImageName(name)];
    } catch {
      return [];
    }
  });
  return [...new Map(parsed.map((name) => [fullName(name), name])).values()].slice(0, 1);
}
