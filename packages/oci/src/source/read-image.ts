import { OciError } from "../errors.ts";
import type { HistoryEntry } from "../spec/config.ts";
import type { Digest } from "../spec/digest.ts";
import type { Platform } from "../spec/platform.ts";
import { imagesFor } from "./choose-platform.ts";
import type { ImageSource } from "./image-source.ts";
import { readContents } from "./read-contents.ts";

/** What an image says of itself, its layers unread. */
export interface ImageSummary {
  readonly labels: Readonly<Record<string, string>>;
  readonly history: readonly HistoryEntry[];
  readonly names: readonly string[];
  /** Of the manifest, or where there is none of the config. */
  readonly digest: Digest | undefined;
  /** From the bottom up; as the documents say, but for the size, which is that of what is there. */
  readonly layers: readonly { readonly digest?: Digest; readonly diffId?: Digest; readonly size: number }[];
}

/**
 * Reads an image's config and the sizes of its layers from a place that holds one image, or one for the platform that is
 * asked for. Documents are compared with the digests they go by; anything wrong with them is an error.
 * @throws OciError `image-corrupted`, `image-missing`, `image-unreadable`, `registry-…`
 */
export async function readImage(
  source: ImageSource,
  options: { readonly platform?: Platform | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<ImageSummary> {
  const { place } = source;
  const { images: all, findings } = await readContents(source, options.signal);
  // What is there besides does not make the image another one.
  const first = findings.find(({ code }) => code !== "blob-unreferenced");
  if (first !== undefined) throw corrupted(place, `${first.member ?? ""}: ${first.message}`);
  const images = imagesFor(
    options.platform,
    all.filter((image) => !image.isArtifact),
    place,
  );
  const [image] = images;
  if (image === undefined || images.length > 1)
    throw corrupted(place, `it holds ${images.length} images, and only one can be meant`);
  const { config, layers } = image;
  if (config === undefined) throw corrupted(place, "its config cannot be read");
  const { labels, history } = config;
  return {
    labels,
    history,
    names: image.names,
    digest: image.manifestDigest ?? image.imageId,
    layers: layers.map(({ name, blob, digest, diffId }) => {
      if (blob === undefined) throw corrupted(place, `the layer ${name} is missing`);
      return {
        ...(digest === undefined ? {} : { digest }),
        ...(diffId === undefined ? {} : { diffId }),
        size: blob.size,
      };
    }),
  };
}

function corrupted(path: string, reason: string): OciError {
  return new OciError("image-corrupted", `'${path}' is not an image that can be read: ${reason}`, {
    path,
    hint: "Look at it with stowage verify, or pack it again.",
  });
}
