import type { FileHandle } from "node:fs/promises";
import { OciError } from "../errors.ts";
import type { ImageDraft, LayerWriteOptions, Sink, WrittenImage, WrittenLayer } from "../image-draft.ts";
import { hexOf, type Digest } from "../spec/digest.ts";
import {
  describeImage,
  encodeDockerManifest,
  encodeIndex,
  LAYOUT_MARKER,
  sealImage,
  type SealedImage,
} from "../spec/seal-image.ts";
import { AtomicFile } from "./atomic-file.ts";
import { encodeArchiveEnd, encodeMember, encodeMemberHeader, memberPadding } from "./member.ts";
import { withOutputErrors } from "./output-error.ts";
import { findOutputPlace } from "./output-place.ts";
import { writeAllLayers } from "./write-all.ts";

/**
 * The archive that everything loads: OCI image layout and docker-archive in one tar. A plain layer's size follows from
 * metadata, so every layer's place is known before any content is read: layers are written side by side, and their
 * digests, which name the members, are put in last.
 */
export function archiveSink(path: string): Sink {
  return { write: (image, options = {}) => withOutputErrors(path, () => writeArchive(path, image, options)) };
}

async function writeArchive(
  path: string,
  image: ImageDraft,
  options: LayerWriteOptions,
): Promise<WrittenImage> {
  const { signal } = options;
  const place = await findOutputPlace(path);
  if (place.kind !== "file") {
    throw new OciError(
      "output-unusable",
      `'${path}' cannot be written at any place, which an archive needs`,
      {
        path,
        hint: "Give a regular file, or take the docker-archive form, which is streamed.",
      },
    );
  }
  const marker = encodeMember("oci-layout", LAYOUT_MARKER);
  const sizes = await Promise.all(image.layers.map((layer) => layer.size(signal)));
  const { places, end } = placeLayers(marker.length, sizes);

  await using file = await AtomicFile.for(place.path);
  const layers = await writeAllLayers(image, options, async (layer, index, layerOptions) => {
    const { size, contentOffset } = places[index] as LayerPlace;
    const diffId = await layer.writeAt(file.handle.fd, contentOffset, layerOptions);
    return { diffId, digest: diffId, size };
  });
  refuseTwins(layers);
  signal?.throwIfAborted();

  const sealed = sealImage(image, layers);
  await writeAt(file.handle, marker, 0);
  for (const [index, { headerOffset, contentOffset, size }] of places.entries()) {
    await writeAt(
      file.handle,
      encodeMemberHeader(blobMember((layers[index] as WrittenLayer).digest), size),
      headerOffset,
    );
    await writeAt(file.handle, memberPadding(size), contentOffset + size);
  }
  await writeAt(file.handle, encodeDocuments(image, sealed, layers, end), end);
  signal?.throwIfAborted();
  await file.commit(place.path);
  return { imageId: sealed.config.digest, manifestDigest: sealed.manifest.digest, layers };
}

/** Where a layer's member lies in the archive, in bytes. */
interface LayerPlace {
  readonly headerOffset: number;
  readonly contentOffset: number;
  readonly size: number;
}

function placeLayers(
  start: number,
  sizes: readonly number[],
): { readonly places: LayerPlace[]; readonly end: number } {
  let offset = start;
  const places = sizes.map((size): LayerPlace => {
    const headerOffset = offset;
    // The name is not known yet, only that it is as long as any other digest's.
    const contentOffset = headerOffset + encodeMemberHeader(blobMember(ANY_DIGEST), size).length;
    offset = contentOffset + size + memberPadding(size).length;
    return { headerOffset, contentOffset, size };
  });
  return { places, end: offset };
}

const ANY_DIGEST = `sha256:${"0".repeat(64)}` as Digest;

function blobMember(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

/** Config, manifest, index and Docker's manifest, and the archive's end. */
function encodeDocuments(
  image: ImageDraft,
  sealed: SealedImage,
  layers: readonly WrittenLayer[],
  offset: number,
): Buffer {
  const members = Buffer.concat([
    encodeMember(blobMember(sealed.config.digest), sealed.config.bytes),
    encodeMember(blobMember(sealed.manifest.digest), sealed.manifest.bytes),
    encodeMember("index.json", encodeIndex(describeImage(sealed.manifest, image.names))),
    encodeMember(
      "manifest.json",
      encodeDockerManifest(
        blobMember(sealed.config.digest),
        layers.map((layer) => blobMember(layer.digest)),
        image.names,
      ),
    ),
  ]);
  return Buffer.concat([members, encodeArchiveEnd(offset + members.length)]);
}

/** Two members of one name would be refused by every loader. Layers of one image hold different places, so none are equal. */
function refuseTwins(layers: readonly WrittenLayer[]): void {
  const seen = new Set<Digest>();
  for (const { digest } of layers) {
    if (seen.has(digest)) throw new OciError("image-invalid", `two layers of the image are equal: ${digest}`);
    seen.add(digest);
  }
}

async function writeAt(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const result = await handle.write(bytes, written, bytes.length - written, position + written);
    written += result.bytesWritten;
  }
}
