import { OciError } from "../errors.ts";
import type { HistoryEntry } from "../spec/config.ts";
import { openImage } from "./open-image.ts";
import { readContents } from "./read-contents.ts";

/** What an image says of itself, its layers unread. */
export interface ImageSummary {
  readonly labels: Readonly<Record<string, string>>;
  readonly history: readonly HistoryEntry[];
  /** Bytes of each layer as stored, from the bottom up. */
  readonly layerSizes: readonly number[];
}

/**
 * Reads an image's config and the sizes of its layers from an archive (hybrid or docker-archive) or a layout directory
 * that holds one image. Documents are compared with the digests they go by; anything wrong with them is an error.
 * @throws OciError `image-corrupted`, `image-missing`, `image-unreadable`
 */
export async function readImage(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ImageSummary> {
  await using source = await openImage(path, options.signal);
  const { images: all, findings } = await readContents(source, options.signal);
  // What is there besides does not make the image another one.
  const first = findings.find(({ code }) => code !== "blob-unreferenced");
  if (first !== undefined) throw corrupted(path, `${first.member ?? ""}: ${first.message}`);
  const images = all.filter((image) => !image.isArtifact);
  const [image] = images;
  if (images.length !== 1 || image?.config === undefined)
    throw corrupted(path, `it holds ${images.length} images, and only one can be meant`);
  const layerSizes = image.layers.map(({ name, blob }) => {
    if (blob !== undefined) return blob.size;
    throw corrupted(path, `the layer ${name} is missing`);
  });
  const { labels, history } = image.config;
  return { labels, history, layerSizes };
}

function corrupted(path: string, reason: string): OciError {
  return new OciError("image-corrupted", `'${path}' is not an image that can be read: ${reason}`, {
    path,
    hint: "Look at it with stowage verify, or pack it again.",
  });
}
