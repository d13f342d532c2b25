import {
  familiarName,
  fullName,
  formatPlatform,
  parsePlatform,
  pushStored,
  readStoredImages,
  Repository,
  type StoredImage,
} from "@stowage/oci";
import { chooseStored, imagesIn, partsOf } from "@stowage/oci/internal";
import {
  attachFiles,
  checkAttachments,
  type AttachedFile,
  type Attachment,
} from "./registry/attach-files.ts";
import { openImageAt } from "./registry/open-image-at.ts";
import { openPushRegistries } from "./registry/open-push-registries.ts";
import { parsePushPlaces, type PushedName } from "./registry/push-draft-to.ts";
import type { RegistryAccess } from "./registry/registry-access.ts";

/** The options of the `push` command for an image that is there already. */
export interface PushImageOptions {
  /** An archive, a layout directory, a docker-archive, or a reference in a registry. */
  readonly image: string;
  /** Where to: `REGISTRY/NAME[:TAG]`. */
  readonly push: readonly string[];
  /** Which image of several is meant, `OS/ARCHITECTURE[/VARIANT]`; an index is pushed whole without it. */
  readonly platform?: string | undefined;
  /** Files that are attached to what is pushed. */
  readonly attach?: readonly Attachment[] | undefined;
  /** How registries are spoken to; a name and a password are for the one that is pushed to. */
  readonly registry?: RegistryAccess | undefined;
  /** Default `process.env`. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?:
    | ((progress: { readonly phase: "push"; readonly written: number; readonly total: number }) => void)
    | undefined;
}

/** What was pushed. */
export interface PushImageResult {
  /** Of the image, or of the index. */
  readonly manifestDigest: string;
  readonly mediaType: string;
  /** Of the image, or of those in the index: `linux/amd64`. */
  readonly platforms: readonly string[];
  readonly pushed: readonly PushedName[];
  readonly attached: readonly AttachedFile[];
}

/**
 * Pushes an image or an index that is there already, as it is: with the same digests, or from a docker-archive with the same image
 * ID. Blobs are mounted where they lie in another repository of the registry.
 * @throws OciError, CoreError
 * @example
 * ```ts
 * await pushImage({ image: "app.tar", push: ["registry.example/team/app:1"] });
 * ```
 */
export async function pushImage(options: PushImageOptions): Promise<PushImageResult> {
  const { signal, attach = [], environment = process.env } = options;
  await checkAttachments(attach, signal);
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const places = parsePushPlaces(options.push);
  await using registries = await openPushRegistries(places, options, environment);
  await using source = await openImageAt(options.image, {
    registry: registries,
    environment,
    platform,
    signal,
  });
  const names = places.flatMap((place) => place.names);
  const image = chooseStored(await readStoredImages(source, signal), {
    place: options.image,
    names: names.map(fullName),
    platform,
  });

  const onBytes = reportBytes(image, places.length, options);
  const pushed: PushedName[] = [];
  const attached: AttachedFile[] = [];
  for (const [index, { domain, repository, names }] of places.entries()) {
    const target = new Repository(registries.get(domain), repository, "pull,push");
    const before = places.slice(0, index).filter((place) => place.domain === domain);
    const mountFrom = before.map((place) => place.repository);
    const tags = names.map(({ tag }) => tag);
    const { sent } = await pushStored(image, { repository: target, tags }, { mountFrom, signal, onBytes });
    const manifestDigest = image.digest;
    pushed.push(...names.map((name) => ({ reference: familiarName(name), manifestDigest, sent })));
    attached.push(
      ...(await attachFiles(attach, {
        repository: target,
        subject: { ...image, size: image.bytes.length },
        signal,
      })),
    );
  }
  return {
    manifestDigest: image.digest,
    mediaType: image.mediaType,
    platforms: imagesIn(image).flatMap(({ platform }) =>
      platform === undefined ? [] : formatPlatform(platform),
    ),
    pushed,
    attached,
  };
}

function reportBytes(
  image: StoredImage,
  times: number,
  { onProgress }: PushImageOptions,
): ((bytes: number) => void) | undefined {
  if (onProgress === undefined) return undefined;
  const total = times * partsOf(image).blobs.reduce((sum, { size }) => sum + size, 0);
  let written = 0;
  return (bytes) => onProgress({ phase: "push", written: (written += bytes), total });
}
