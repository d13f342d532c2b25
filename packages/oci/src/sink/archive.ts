import { OciError } from "../errors.ts";
import type { ImageDraft, LayerWriteOptions, Sink, WrittenImage } from "../image-draft.ts";
import type { Digest } from "../spec/digest.ts";
import {
  describeImage,
  encodeDockerManifest,
  encodeIndex,
  LAYOUT_MARKER,
  sealImage,
  type SealedImage,
} from "../spec/seal-image.ts";
import { AtomicFile, type FileOptions } from "./atomic-file.ts";
import { blobMember, copyBaseMembers } from "./base-members.ts";
import { FileWriter } from "./byte-writer.ts";
import {
  nameMembers,
  writeCompressedMembers,
  writePlainMembers,
  type MemberPlace,
  type WrittenMembers,
} from "./layer-members.ts";
import { encodeArchiveEnd, encodeMember } from "./member.ts";
import { findOutputPlace } from "./output-place.ts";
import { removeLeftOvers } from "./temporary-name.ts";

/**
 * The archive that everything loads: OCI image layout and docker-archive in one tar. A plain layer's size follows from
 * metadata, so every layer's place is known before any content is read: layers are written side by side, and their
 * digests, which name the members, are put in last. Compressed layers go out in order. The base's layers come first, as they are.
 */
export function archiveSink(path: string, fileOptions: FileOptions = {}): Sink {
  return { write: (image, options = {}) => writeArchive(path, image, { ...options, ...fileOptions }) };
}

async function writeArchive(
  path: string,
  image: ImageDraft,
  options: LayerWriteOptions & FileOptions,
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
  await removeLeftOvers(place.path);
  await using file = await AtomicFile.create(place.path, path, options);
  const writer = new FileWriter(file, signal);
  await writer.write(marker);
  const base = await copyBaseMembers(writer, image.base, {
    ...options,
    nameOf: ({ digest }) => blobMember(digest),
  });
  const start = writer.length;
  const { compression: pool } = image;
  const written =
    pool === undefined
      ? await writePlainMembers({ file, start, shown: path }, image, options)
      : await writeCompressedMembers({ file, start }, { image, pool }, options);
  const { layers } = written;

  const end = await nameMembers(file, start, distinctMembers(written, new Set(base.digests)));
  const sealed = sealImage(image, layers);
  const members = [...base.members, ...layers.map(({ digest }) => blobMember(digest))];
  const documents = encodeDocuments(image, sealed, members);
  const tail = Buffer.concat([documents, encodeArchiveEnd(end + documents.length)]);
  await file.writeAt(tail, end);
  await file.truncate(end + tail.length);
  await file.commit(place.path, signal);
  return { imageId: sealed.config.digest, manifestDigest: sealed.manifest.digest, layers };
}

/**
 * The layers by name; one equal to a layer below it is left out, as two members of one name would be no layout.
 * @param below digests of the base's layers
 */
function distinctMembers(
  { places, layers }: WrittenMembers,
  below: ReadonlySet<Digest>,
): { readonly name: string; readonly from: MemberPlace }[] {
  const first = new Map(layers.map(({ digest }, index) => [digest, index] as const).toReversed());
  const kept = [...first]
    .filter(([digest]) => !below.has(digest))
    .map(([digest, index]) => ({ name: blobMember(digest), from: places[index] as MemberPlace }));
  return kept.toSorted((a, b) => a.from.headerOffset - b.from.headerOffset);
}

/** Config, manifest, index and Docker's manifest. */
function encodeDocuments(image: ImageDraft, sealed: SealedImage, layerMembers: readonly string[]): Buffer {
  const configMember = blobMember(sealed.config.digest);
  return Buffer.concat([
    encodeMember(configMember, sealed.config.bytes),
    encodeMember(blobMember(sealed.manifest.digest), sealed.manifest.bytes),
    encodeMember("index.json", encodeIndex(describeImage(sealed.manifest, image.names))),
    encodeMember("manifest.json", encodeDockerManifest(configMember, layerMembers, image.names)),
  ]);
}
