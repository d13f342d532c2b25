import { Writable } from "node:stream";
import type { BlockPool } from "../compression/block-pool.ts";
import {
  PLAIN_TAR,
  type ImageDraft,
  type LayerWriteOptions,
  type Sink,
  type WrittenImage,
  type WrittenLayer,
} from "../image-draft.ts";
import { DigestHash, hexOf } from "../spec/digest.ts";
import { encodeDockerManifest, sealImage } from "../spec/seal-image.ts";
import { AtomicFile, type FileOptions } from "./atomic-file.ts";
import { copyBaseMembers } from "./base-members.ts";
import { FileWriter, StreamWriter, type ByteWriter } from "./byte-writer.ts";
import { CompressedLayers } from "./compressed-layers.ts";
import { nameMembers, writeCompressedMembers, writePlainMembers } from "./layer-members.ts";
import { encodeArchiveEnd, encodeMember, encodeMemberHeader, memberPadding } from "./member.ts";
import { withOutputErrors } from "./output-error.ts";
import { findOutputPlace } from "./output-place.ts";
import { ReadAhead, type ReadingLayer } from "./read-ahead.ts";
import { SpoolFile } from "./spool-file.ts";
import { openStreamOutput } from "./stream-output.ts";
import { removeLeftOvers } from "./temporary-name.ts";
import { changedLayer } from "./write-all.ts";

/**
 * A docker-archive, each store file read once: into a stream from front to back in one pass, into a file side by side. Layers need
 * no digest for their names and come before `manifest.json`, without which nothing loads: a stream that is cut off is no image.
 * Compressed layers need a file that can be written at any place, or go through a temporary one in the system's temporary folder.
 * @param output a path, or a stream; a stream is ended only if it was opened here
 * @param fileOptions for a regular file
 */
export function dockerArchiveSink(output: string | Writable, fileOptions: FileOptions = {}): Sink {
  return {
    write: (image, options = {}) =>
      output instanceof Writable
        ? writeStream(new StreamWriter(output, "the output", options.signal), image, options)
        : writePath(output, image, { ...options, ...fileOptions }),
  };
}

async function writePath(
  path: string,
  image: ImageDraft,
  options: LayerWriteOptions & FileOptions,
): Promise<WrittenImage> {
  const { signal } = options;
  const place = await findOutputPlace(path);
  if (place.kind === "file") {
    await removeLeftOvers(place.path);
    await using file = await AtomicFile.create(place.path, path, options);
    const written = await writeFile({ file, shown: path }, image, options);
    await file.commit(place.path, signal);
    return written;
  }
  const stream = await withOutputErrors(path, () => openStreamOutput(place, signal));
  try {
    const writer = new StreamWriter(stream, path, signal);
    const written = await writeStream(writer, image, options);
    await writer.finish();
    return written;
  } finally {
    stream.destroy();
  }
}

async function writeFile(
  { file, shown }: { readonly file: AtomicFile; readonly shown: string },
  image: ImageDraft,
  options: LayerWriteOptions,
): Promise<WrittenImage> {
  const { compression: pool } = image;
  const below = new FileWriter(file, options.signal);
  const base = await writeBase(below, image, options);
  const start = below.length;
  const { places, layers } =
    pool === undefined
      ? await writePlainMembers({ file, start, shown }, image, options)
      : await writeCompressedMembers({ file, start }, { image, pool }, options);
  const members = places.map((from, index) => ({ name: ownMember(image, index), from }));
  const writer = new FileWriter(file, options.signal, await nameMembers(file, start, members));
  const written = await writeDockerDocuments(writer, { image, members: allMembers(image, base) }, layers);
  await file.truncate(writer.length);
  return written;
}

async function writeStream(
  writer: ByteWriter,
  image: ImageDraft,
  options: LayerWriteOptions,
): Promise<WrittenImage> {
  const { compression: pool } = image;
  const base = await writeBase(writer, image, options);
  const layers =
    pool === undefined
      ? await writeLayers(writer, image, options)
      : await writeSpooledLayers(writer, { image, pool }, options);
  return writeDockerDocuments(writer, { image, members: allMembers(image, base) }, layers);
}

/** @param base the members of the base's layers */
function allMembers(image: ImageDraft, base: readonly string[]): string[] {
  return [...base, ...image.layers.map((_, index) => ownMember(image, index))];
}

/**
 * Config and manifest, and what ends the archive.
 * @param from with the member of each layer, from the very bottom up
 */
export async function writeDockerDocuments(
  writer: ByteWriter,
  from: {
    readonly image: ImageDraft;
    readonly members: readonly string[];
    readonly fullNames?: boolean | undefined;
  },
  layers: readonly WrittenLayer[],
): Promise<WrittenImage> {
  const { image, members, fullNames = false } = from;
  const sealed = sealImage(image, layers);
  const configMember = `${hexOf(sealed.config.digest)}.json`;
  await writer.write(encodeMember(configMember, sealed.config.bytes));
  await writer.write(
    encodeMember("manifest.json", encodeDockerManifest(configMember, members, image.names, fullNames)),
  );
  await writer.write(encodeArchiveEnd(writer.length));
  return { imageId: sealed.config.digest, manifestDigest: sealed.manifest.digest, layers };
}

/** What a layer is called that has no digest yet. */
export function layerMember(index: number): string {
  return `layers/${index}.tar`;
}

function ownMember({ base }: ImageDraft, index: number): string {
  return layerMember((base?.layers.length ?? 0) + index);
}

/** Writes the base's layers, and returns the member of each. */
async function writeBase(
  writer: ByteWriter,
  image: ImageDraft,
  options: LayerWriteOptions,
): Promise<readonly string[]> {
  const nameOf = (_: unknown, index: number): string => layerMember(index);
  return (await copyBaseMembers(writer, image.base, { ...options, nameOf })).members;
}

async function writeLayers(
  writer: ByteWriter,
  image: ImageDraft,
  { signal, onBytes }: LayerWriteOptions,
): Promise<WrittenLayer[]> {
  await using reading = new ReadAhead(image.layers, { sized: true, signal });
  const layers: WrittenLayer[] = [];
  for (const [index, layer] of image.layers.entries()) {
    const written = await writeLayerMember(
      writer,
      { layer: reading.next(), index, member: ownMember(image, index) },
      onBytes,
    );
    await layer.confirm(PLAIN_TAR, written, signal);
    layers.push(written);
  }
  return layers;
}

/** Writes one layer, and counts and hashes its bytes. */
export async function writeLayerMember(
  writer: ByteWriter,
  { layer, index, member }: { readonly layer: ReadingLayer; readonly index: number; readonly member: string },
  onBytes: LayerWriteOptions["onBytes"],
): Promise<WrittenLayer> {
  const size = (await layer.size) as number;
  const hash = new DigestHash();
  await writer.write(encodeMemberHeader(member, size));
  let written = 0;
  for await (const chunk of layer.chunks()) {
    written += chunk.length;
    if (written > size) break;
    hash.update(chunk);
    await writer.write(chunk);
    onBytes?.(chunk.length);
  }
  if (written !== size) throw changedLayer(index, size, written);
  await writer.write(memberPadding(size));
  const digest = hash.digest();
  return { diffId: digest, digest, size };
}

/** Compressed layers by way of a file each: a member's header comes before it and says its size. */
async function writeSpooledLayers(
  writer: ByteWriter,
  { image, pool }: { readonly image: ImageDraft; readonly pool: BlockPool },
  options: LayerWriteOptions,
): Promise<WrittenLayer[]> {
  // What is written stays: a layer that is far away is whole before the first byte of it goes out.
  await using compressed = await CompressedLayers.begin(image, { pool, sized: true }, options);
  await using spool = await SpoolFile.create();
  const layers: WrittenLayer[] = [];
  for (const index of image.layers.keys()) {
    const layer = await compressed.next((chunk, offset) => spool.writeAt(chunk, offset));
    await writer.write(encodeMemberHeader(ownMember(image, index), layer.size));
    for await (const chunk of spool.read(layer.size)) await writer.write(chunk);
    await writer.write(memberPadding(layer.size));
    layers.push(layer);
  }
  return layers;
}
