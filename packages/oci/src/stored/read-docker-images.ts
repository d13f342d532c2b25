import { FindingList } from "../finding.ts";
import type { ImageSource, StoredBlob } from "../source/image-source.ts";
import { listDockerImages, readDockerImage, type DockerImage } from "../source/read-docker-manifest.ts";
import { readDocument, type Reading } from "../source/reading.ts";
import { BlobCheck } from "../source/blob-check.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { digestOf, type Digest } from "../spec/digest.ts";
import { encodeJson } from "../spec/json.ts";
import { layerMediaType, mediaTypes } from "../spec/media-types.ts";
import { damaged } from "./damaged.ts";
import type { ListedImage } from "./read-stored.ts";
import type { StoredContent } from "./stored-image.ts";

/**
 * The images of a plain docker-archive, each with an OCI manifest for the config and the layers as they are, so that the image
 * ID stays what it was.
 */
export async function readDockerImages(
  source: ImageSource,
  signal: AbortSignal | undefined,
): Promise<ListedImage[]> {
  const reading: Reading = { source, findings: new FindingList(), referenced: new Set(), signal };
  const list = await source.member("manifest.json");
  if (list === undefined) throw damaged(source, "it has neither index.json nor manifest.json");
  const document = await readDocument(reading, list, { where: {} });
  const listed = document === undefined ? [] : listDockerImages(reading, document);
  const images: ListedImage[] = [];
  for (const image of listed) images.push(await readOne(reading, image));
  requireSound(reading);
  return images;
}

async function readOne(reading: Reading, listed: DockerImage): Promise<ListedImage> {
  const { source, signal } = reading;
  const { config: summary, layers, imageId } = await readDockerImage(reading, listed);
  requireSound(reading);
  const stored = await source.member(listed.config);
  if (stored === undefined || summary === undefined || imageId === undefined)
    throw damaged(source, `${listed.config} is missing`);
  const config = contentOf(source, stored, imageId);
  const parts: { readonly content: StoredContent; readonly mediaType: string }[] = [];
  for (const { blob, name, diffId } of layers) {
    if (blob === undefined || diffId === undefined) throw damaged(source, `${name} is missing`);
    const codec = await codecOf(blob, signal);
    // A plain layer's digest is its diffId, which is compared with what is read.
    const digest = codec === undefined ? diffId : await measure(blob, signal);
    parts.push({ content: contentOf(source, blob, digest), mediaType: layerMediaType(codec) });
  }
  const describe = (mediaType: string, { digest, size }: StoredContent): Descriptor => ({
    mediaType,
    digest,
    size,
  });
  const bytes = encodeJson({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: describe(mediaTypes.config, config),
    layers: parts.map(({ content, mediaType }) => describe(mediaType, content)),
  });
  const blobs = new Map([config, ...parts.map(({ content }) => content)].map((blob) => [blob.digest, blob]));
  const { os, architecture, variant } = summary;
  return {
    names: listed.names,
    image: {
      mediaType: mediaTypes.manifest,
      digest: digestOf(bytes),
      bytes,
      blobs: [...blobs.values()],
      children: [],
      platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
    },
  };
}

function contentOf(source: ImageSource, blob: StoredBlob, digest: Digest): StoredContent {
  const { name, size } = blob;
  return {
    digest,
    size,
    what: name,
    chunks: (signal) => blob.chunks(signal),
    differs: (reason) => damaged(source, `${name}: ${reason}`),
  };
}

function requireSound({ source, findings }: Reading): void {
  const [first] = findings.all();
  if (first !== undefined) throw damaged(source, `${first.member ?? "manifest.json"}: ${first.message}`);
}

/** Docker writes plain layers, others may compress them: gzip (RFC 1952) and zstd (RFC 8878) begin with numbers of their own. */
async function codecOf(
  blob: StoredBlob,
  signal: AbortSignal | undefined,
): Promise<"gzip" | "zstd" | undefined> {
  for await (const chunk of blob.chunks(signal)) {
    const start = Buffer.from(chunk.subarray(0, 4)).toString("hex");
    return start.startsWith("1f8b") ? "gzip" : start === "28b52ffd" ? "zstd" : undefined;
  }
  return undefined;
}

async function measure(blob: StoredBlob, signal: AbortSignal | undefined): Promise<Digest> {
  const check = new BlobCheck();
  for await (const chunk of blob.chunks(signal)) check.update(chunk);
  return check.finish().digest;
}
