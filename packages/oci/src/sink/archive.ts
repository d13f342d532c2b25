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
import { findOutputPlace } from "./output-place.ts";
import { removeLeftOvers } from "./temporary-name.ts";
import { writeAllLayers, writeLayerInto } from "./write-all.ts";

/**
 * The archive that everything loads: OCI image layout and docker-archive in one tar. A plain layer's size follows from
 * metadata, so every layer's place is known before any content is read: layers are written side by side, and their
 * digests, which name the members, are put in last.
 */
export function archiveSink(path: string): Sink {
  return { write: (image, options = {}) => writeArchive(path, image, options) };
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
  const sizes = await Promise.all(image.layers.map((layer) => layer.size(signal)));
  const marker = encodeMember("oci-layout", LAYOUT_MARKER);
  const { places } = placeMembers(marker.length, sizes);

  await removeLeftOvers(place.path);
  await using file = await AtomicFile.create(place.path, path);
  const layers = await writeAllLayers(image, options, {
    path,
    write(layer, index, layerOptions) {
      const { contentOffset, size } = places[index] as MemberPlace;
      const space = { fd: file.handle.fd, offset: contentOffset, size };
      return writeLayerInto(space, { layer, index }, layerOptions);
    },
  });

  await file.writeAt(marker, 0);
  const end = await nameLayers(file, { start: marker.length, places, layers });
  const sealed = sealImage(image, layers);
  const documents = encodeDocuments(image, sealed, layers);
  const tail = Buffer.concat([documents, encodeArchiveEnd(end + documents.length)]);
  await file.writeAt(tail, end);
  await file.truncate(end + tail.length);
  await file.commit(place.path, signal);
  return { imageId: sealed.config.digest, manifestDigest: sealed.manifest.digest, layers };
}

/** Where a layer's member lies in the archive, in bytes. */
interface MemberPlace {
  readonly headerOffset: number;
  readonly contentOffset: number;
  readonly size: number;
}

function placeMembers(
  start: number,
  sizes: readonly number[],
): { readonly places: readonly MemberPlace[]; readonly end: number } {
  let offset = start;
  const places = sizes.map((size): MemberPlace => {
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

/**
 * Puts headers around the layers that are written. A layer equal to one below it is left out, as two members of one
 * name would be no layout, and those above it move down. Returns where the last one ends.
 */
async function nameLayers(
  file: AtomicFile,
  written: {
    readonly start: number;
    readonly places: readonly MemberPlace[];
    readonly layers: readonly WrittenLayer[];
  },
): Promise<number> {
  const first = new Map(written.layers.map(({ digest }, index) => [digest, index] as const).toReversed());
  const kept = [...first].map(([digest, index]) => ({ digest, from: written.places[index] as MemberPlace }));
  kept.sort((a, b) => a.from.headerOffset - b.from.headerOffset);
  const { places, end } = placeMembers(
    written.start,
    kept.map(({ from }) => from.size),
  );
  for (const [index, { digest, from }] of kept.entries()) {
    const { headerOffset, contentOffset, size } = places[index] as MemberPlace;
    await file.moveDown(from.contentOffset, contentOffset, size);
    await file.writeAt(encodeMemberHeader(blobMember(digest), size), headerOffset);
    await file.writeAt(memberPadding(size), contentOffset + size);
  }
  return end;
}

/** Config, manifest, index and Docker's manifest. */
function encodeDocuments(image: ImageDraft, sealed: SealedImage, layers: readonly WrittenLayer[]): Buffer {
  const layerMembers = layers.map((layer) => blobMember(layer.digest));
  const configMember = blobMember(sealed.config.digest);
  return Buffer.concat([
    encodeMember(configMember, sealed.config.bytes),
    encodeMember(blobMember(sealed.manifest.digest), sealed.manifest.bytes),
    encodeMember("index.json", encodeIndex(describeImage(sealed.manifest, image.names))),
    encodeMember("manifest.json", encodeDockerManifest(configMember, layerMembers, image.names)),
  ]);
}
