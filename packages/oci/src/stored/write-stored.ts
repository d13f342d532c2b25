import { OciError } from "../errors.ts";
import { AtomicFile } from "../sink/atomic-file.ts";
import { addToPlace } from "../sink/layout.ts";
import { encodeArchiveEnd, encodeMember, encodeMemberHeader, memberPadding } from "../sink/member.ts";
import { findOutputPlace } from "../sink/output-place.ts";
import { removeLeftOvers } from "../sink/temporary-name.ts";
import { WatchedContent } from "../registry/blob-content.ts";
import { hexOf } from "../spec/digest.ts";
import type { ImageName } from "../spec/image-name.ts";
import { describeImage, encodeIndex, LAYOUT_MARKER } from "../spec/seal-image.ts";
import { partsOf, type StoredContent, type StoredImage } from "./stored-image.ts";

export interface WriteStoredOptions {
  /** What the place's index calls it. */
  readonly names: readonly ImageName[];
  readonly signal?: AbortSignal | undefined;
  /** Told of bytes of blobs that are written or there. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Writes an image or an index that is there already into an OCI layout in a tar, which appears whole or not at all.
 * @throws OciError `output-…`; `image-corrupted` for a blob that is not what its digest says
 */
export async function writeStoredArchive(
  path: string,
  image: StoredImage,
  { names, signal, onBytes }: WriteStoredOptions,
): Promise<void> {
  const place = await findOutputPlace(path);
  if (place.kind !== "file") {
    throw new OciError("output-unusable", `'${path}' is no regular file`, {
      path,
      hint: "Give a file with -o.",
    });
  }
  await removeLeftOvers(place.path);
  await using file = await AtomicFile.create(place.path, path);
  let position = 0;
  const append = async (bytes: Uint8Array): Promise<void> => {
    await file.writeAt(bytes, position);
    position += bytes.length;
  };
  await append(encodeMember("oci-layout", LAYOUT_MARKER));
  await append(encodeMember("index.json", encodeIndex(describeImage(image, names, image.mediaType))));
  const { blobs, documents } = partsOf(image);
  for (const blob of blobs) {
    await append(encodeMemberHeader(memberOf(blob), blob.size));
    for await (const chunk of new WatchedContent(blob, onBytes).from(0, signal)) await append(chunk);
    await append(memberPadding(blob.size));
  }
  for (const document of documents) await append(encodeMember(memberOf(document), document.bytes));
  await append(encodeArchiveEnd(position));
  await file.commit(place.path, signal);
}

/** Writes the same into a layout directory, a new one or one that is there. */
export async function writeStoredLayout(
  path: string,
  image: StoredImage,
  options: WriteStoredOptions,
): Promise<void> {
  const { names, signal, onBytes } = options;
  await addToPlace(path, options, async (stage) => {
    const { blobs, documents } = partsOf(image);
    for (const blob of blobs) {
      if (await stage.has(blob)) onBytes?.(blob.size);
      else {
        await stage.stage(async (file) => {
          let position = 0;
          for await (const chunk of new WatchedContent(blob, onBytes).from(0, signal)) {
            await file.writeAt(chunk, position);
            position += chunk.length;
          }
          return blob;
        });
      }
    }
    for (const { digest, bytes } of documents) await stage.stageBytes(digest, bytes);
    return { result: undefined, descriptors: describeImage(image, names, image.mediaType) };
  });
}

function memberOf({ digest }: Pick<StoredContent, "digest">): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
