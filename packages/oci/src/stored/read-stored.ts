import { OciError } from "../errors.ts";
import type { ImageSource, StoredBlob } from "../source/image-source.ts";
import { readConfig } from "../source/read-config.ts";
import { readDescriptor, type ReadDescriptor } from "../source/read-index.ts";
import { asFields, asList, type Fields } from "../source/shape.ts";
import { BlobCheck, compareBlob } from "../source/blob-check.ts";
import type { Digest } from "../spec/digest.ts";
import { documentKind } from "../spec/media-kinds.ts";
import { parseJson } from "../spec/parse-json.ts";
import { NAME_ANNOTATION } from "../spec/seal-image.ts";
import { damaged } from "./damaged.ts";
import { readDockerImages } from "./read-docker-images.ts";
import type { StoredContent, StoredImage } from "./stored-image.ts";

/** A document that is taken into memory has at most so many bytes; registries take manifests up to 4 MiB. */
const MANIFEST_BYTES = 4 * 1024 * 1024;
const CONFIG_BYTES = 64 * 1024 * 1024;
const MAX_DEPTH = 4;

/** One of the images of a place. */
export interface ListedImage {
  /** In full; none where the place says none. */
  readonly names: readonly string[];
  readonly image: StoredImage;
}

/**
 * Lists what a place holds by `index.json`, each manifest or index as it stands there, or in a plain docker-archive by
 * `manifest.json`, with a manifest that keeps config and layers as they are. Documents are held against their digests now;
 * blobs when they are read.
 * @throws OciError `image-corrupted`, `image-unreadable`, `registry-…`
 */
export async function readStoredImages(source: ImageSource, signal?: AbortSignal): Promise<ListedImage[]> {
  const index = await source.member("index.json");
  if (index === undefined) return readDockerImages(source, signal);
  const document = await readWhole(source, index, { limit: CONFIG_BYTES }, signal);
  const listed = new Map<Digest, { descriptor: ReadDescriptor; names: string[] }>();
  for (const descriptor of manifestsIn(source, document)) {
    const entry = listed.get(descriptor.digest) ?? { descriptor, names: [] };
    const name = descriptor.annotations[NAME_ANNOTATION];
    if (name !== undefined) entry.names.push(name);
    listed.set(descriptor.digest, entry);
  }
  const images: ListedImage[] = [];
  for (const { descriptor, names } of listed.values())
    images.push({ names, image: await readStored(source, descriptor, 0, signal) });
  return images;
}

async function readStored(
  source: ImageSource,
  descriptor: ReadDescriptor,
  depth: number,
  signal: AbortSignal | undefined,
): Promise<StoredImage> {
  const { digest, mediaType } = descriptor;
  const kind = documentKind(mediaType);
  if (kind !== "index" && kind !== "manifest")
    throw damaged(source, `it lists something of type '${mediaType}'`);
  if (depth > MAX_DEPTH) throw damaged(source, "its indexes are nested too deep");
  const blob = await source.blob(descriptor);
  if (blob === undefined) throw damaged(source, `${digest} is missing`);
  const bytes = await readWhole(source, blob, { ...descriptor, limit: MANIFEST_BYTES }, signal);
  const document = { mediaType, digest, bytes };
  if (kind === "index") {
    const children: StoredImage[] = [];
    for (const child of manifestsIn(source, bytes))
      children.push(await readStored(source, child, depth + 1, signal));
    return { ...document, blobs: [], children, platform: undefined };
  }
  const { config, layers } = read(source, () => {
    const fields = asFields(parseJson(bytes), "the manifest");
    return {
      config: readDescriptor(fields["config"], "config"),
      layers: asList(fields["layers"], "layers").map((layer) => readDescriptor(layer, "layers")),
    };
  });
  const distinct = new Map([config, ...layers].map((part) => [part.digest, part]));
  const blobs: StoredContent[] = [];
  for (const part of distinct.values()) {
    const content = await contentOf(source, part);
    if (content !== undefined) blobs.push(content);
  }
  const isImage = documentKind(config.mediaType) === "config" && descriptor.platform?.os !== "unknown";
  const platform = isImage ? await readPlatform(source, config, signal) : undefined;
  return { ...document, blobs, children: [], platform };
}

/** Undefined for a layer that is not distributed with its image and is not here. */
async function contentOf(
  source: ImageSource,
  descriptor: ReadDescriptor,
): Promise<StoredContent | undefined> {
  const { digest, size, mediaType } = descriptor;
  const isForeign = /\bnondistributable\b|\bforeign\b/.test(mediaType);
  const blob = isForeign && source.form === "registry" ? undefined : await source.blob(descriptor);
  if (blob === undefined && isForeign) return undefined;
  if (blob === undefined) throw damaged(source, `${digest} is missing`);
  if (blob.size !== size) throw damaged(source, `${digest} has ${blob.size} bytes, not ${size}`);
  return {
    digest,
    size,
    what: digest,
    origin: source.repository,
    chunks: (signal) => blob.chunks(signal),
    differs: (reason) => damaged(source, `${digest}: ${reason}`),
  };
}

async function readPlatform(
  source: ImageSource,
  descriptor: ReadDescriptor,
  signal: AbortSignal | undefined,
): Promise<StoredImage["platform"]> {
  const blob = await source.blob(descriptor);
  if (blob === undefined) throw damaged(source, `${descriptor.digest} is missing`);
  const bytes = await readWhole(source, blob, { ...descriptor, limit: CONFIG_BYTES }, signal);
  const { os, architecture, variant } = read(source, () => readConfig(parseJson(bytes)));
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

function manifestsIn(source: ImageSource, bytes: Uint8Array): ReadDescriptor[] {
  return read(source, () => {
    const index: Fields = asFields(parseJson(bytes), "the index");
    return asList(index["manifests"], "manifests").map((entry) => readDescriptor(entry, "manifests"));
  });
}

/** Reads a small blob, and holds it against what is expected of it. */
async function readWhole(
  source: ImageSource,
  blob: StoredBlob,
  expected: { readonly digest?: Digest; readonly size?: number; readonly limit: number },
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  if (blob.size > expected.limit)
    throw damaged(source, `${blob.name} has ${blob.size} bytes, more than any such document`);
  const check = new BlobCheck();
  const chunks: Buffer[] = [];
  for await (const chunk of blob.chunks(signal)) {
    check.update(chunk);
    chunks.push(Buffer.from(chunk));
  }
  const [wrong] = compareBlob(check.finish(), expected);
  if (wrong !== undefined) throw damaged(source, `${blob.name}: ${wrong.message}`);
  return Buffer.concat(chunks);
}

/** Reads something out of a document; a wrong shape is the place's fault. */
function read<T>(source: ImageSource, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw damaged(source, error.message, error);
  }
}
