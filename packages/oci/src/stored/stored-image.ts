import type { BlobContent } from "../registry/blob-content.ts";
import type { Digest } from "../spec/digest.ts";
import type { Platform } from "../spec/platform.ts";

/** An image or an index that is there already, with all that it needs: to be brought somewhere else as it is. */
export interface StoredImage {
  readonly mediaType: string;
  readonly digest: Digest;
  /** The manifest, or the index. */
  readonly bytes: Buffer;
  /** Config and layers, each digest once. */
  readonly blobs: readonly StoredContent[];
  /** What an index lists. */
  readonly children: readonly StoredImage[];
  /** What an image's config says; undefined for an index, and for what is no image. */
  readonly platform: Platform | undefined;
}

/** A blob whose digest is known. */
export interface StoredContent extends BlobContent {
  readonly digest: Digest;
  readonly size: number;
}

/** All that is in an image, each once: blobs, and documents with what they need before them. */
export function partsOf(image: StoredImage): {
  readonly blobs: readonly StoredContent[];
  readonly documents: readonly StoredImage[];
} {
  const blobs = new Map<Digest, StoredContent>();
  const documents = new Map<Digest, StoredImage>();
  const visit = (visited: StoredImage): void => {
    if (documents.has(visited.digest)) return;
    for (const child of visited.children) visit(child);
    for (const blob of visited.blobs) blobs.set(blob.digest, blob);
    documents.set(visited.digest, visited);
  };
  visit(image);
  return { blobs: [...blobs.values()], documents: [...documents.values()] };
}
