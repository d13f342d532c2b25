import type { Writable } from "node:stream";
import {
  PLAIN_TAR,
  type ImageDraft,
  type LayerWriteOptions,
  type WrittenImage,
  type WrittenLayer,
} from "../image-draft.ts";
import { describeImage, encodeIndex, LAYOUT_MARKER, sealImage } from "../spec/seal-image.ts";
import { blobMember } from "./base-members.ts";
import { StreamWriter, type ByteWriter } from "./byte-writer.ts";
import { layerMember, writeDockerDocuments, writeLayerMember } from "./docker-archive.ts";
import { encodeArchiveEnd, encodeMember, encodeMemberHeader, memberPadding } from "./member.ts";
import { ReadAhead } from "./read-ahead.ts";

/** What an engine is sent of an image. */
export interface LoadStreamOptions extends LayerWriteOptions {
  /** `docker`: as `docker save` writes it. `oci`: a layout, whose manifest keeps its digest. */
  readonly form: "docker" | "oci";
  /** In the form `docker`: whether names are in full, `docker.io/library/app:1`. */
  readonly fullNames?: boolean | undefined;
  /**
   * Layers that the engine has, by number from the bottom, the base's counted: their bytes are left out. In the form `docker`
   * an empty member stands for each, which neither Docker nor Podman opens for a layer that they have, and which no layer's
   * digest fits where they have not.
   */
  readonly there: ReadonlyMap<number, WrittenLayer>;
}

/** What went to an engine. */
export interface LoadedStream extends WrittenImage {
  /** Bytes of the whole stream. */
  readonly sent: number;
}

/**
 * Writes an image, its layers plain, to something that loads images, from front to back. The stream is not ended.
 * @throws OciError `output-closed`, `layer-inconsistent`
 */
export async function writeLoadStream(
  output: Writable,
  draft: ImageDraft,
  options: LoadStreamOptions,
): Promise<LoadedStream> {
  const { form, signal } = options;
  const image: ImageDraft = { ...draft, compression: undefined };
  const writer = new StreamWriter(output, "the engine", signal);
  if (form === "oci") await writer.write(encodeMember("oci-layout", LAYOUT_MARKER));
  await writeBaseLayers(writer, image, options);
  const layers = await writeOwnLayers(writer, image, options);
  const members = [...(image.base?.layers ?? []), ...layers].map((_, index) => layerMember(index));
  const written =
    form === "docker"
      ? await writeDockerDocuments(writer, { image, members, fullNames: options.fullNames }, layers)
      : await writeLayoutDocuments(writer, image, layers);
  return { ...written, sent: writer.length };
}

async function writeBaseLayers(
  writer: ByteWriter,
  { base }: ImageDraft,
  { form, there, signal, onBytes }: LoadStreamOptions,
): Promise<void> {
  for (const [index, layer] of (base?.layers ?? []).entries()) {
    if (there.has(index)) {
      if (form === "docker") await writer.write(encodeMemberHeader(layerMember(index), 0));
      onBytes?.(layer.size);
      continue;
    }
    await writer.write(encodeMemberHeader(layerMember(index), layer.size));
    for await (const chunk of layer.chunks(signal)) {
      await writer.write(chunk);
      onBytes?.(chunk.length);
    }
    await writer.write(memberPadding(layer.size));
  }
}

async function writeOwnLayers(
  writer: ByteWriter,
  image: ImageDraft,
  { form, there, signal, onBytes }: LoadStreamOptions,
): Promise<WrittenLayer[]> {
  const below = image.base?.layers.length ?? 0;
  const sent = image.layers.filter((_, index) => !there.has(below + index));
  await using reading = new ReadAhead(sent, { sized: true, signal });
  const layers: WrittenLayer[] = [];
  for (const [index, layer] of image.layers.entries()) {
    const member = layerMember(below + index);
    const known = there.get(below + index);
    if (known !== undefined) {
      if (form === "docker") await writer.write(encodeMemberHeader(member, 0));
      onBytes?.(known.size);
      layers.push(known);
      continue;
    }
    const written = await writeLayerMember(writer, { layer: reading.next(), index, member }, onBytes);
    await layer.confirm(PLAIN_TAR, written, signal);
    layers.push(written);
  }
  return layers;
}

/** A layout's documents; a reader that knows layouts goes by digests, whatever the layers' members are called. */
async function writeLayoutDocuments(
  writer: ByteWriter,
  image: ImageDraft,
  layers: readonly WrittenLayer[],
): Promise<WrittenImage> {
  const { config, manifest } = sealImage(image, layers);
  for (const { digest, bytes } of [config, manifest])
    await writer.write(encodeMember(blobMember(digest), bytes));
  await writer.write(encodeMember("index.json", encodeIndex(describeImage(manifest, image.names))));
  await writer.write(encodeArchiveEnd(writer.length));
  return { imageId: config.digest, manifestDigest: manifest.digest, layers };
}
