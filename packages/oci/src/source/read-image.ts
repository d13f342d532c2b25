import type { HistoryEntry } from "../spec/config.ts";
import { digestOf } from "../spec/digest.ts";
import { corrupted, openImageDocuments, type ImageDocuments } from "./image-documents.ts";

/** What an image says of itself, its layers unread. */
export interface ImageSummary {
  readonly labels: Readonly<Record<string, string>>;
  readonly history: readonly HistoryEntry[];
  /** Bytes of each layer as stored, from the bottom up. */
  readonly layerSizes: readonly number[];
}

/**
 * Reads an image's config and the sizes of its layers from an archive (hybrid or docker-archive) or a layout directory
 * that holds one image. The config is compared with the digest it goes by.
 * @throws OciError `image-corrupted`
 */
export async function readImage(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ImageSummary> {
  const documents = await openImageDocuments(path, options.signal);
  const place =
    (await documents.sizeOf("manifest.json")) === undefined
      ? await fromIndex(documents, path)
      : await fromDockerManifest(documents, path);
  const config = asObject(
    await readJson(documents, place.config, path, place.configDigest),
    path,
    place.config,
  );
  const container = config["config"] === undefined ? {} : asObject(config["config"], path, "config");
  return {
    labels: stringsOf(container["Labels"] ?? {}, path),
    history: historyOf(config["history"] ?? [], path),
    layerSizes: place.layerSizes,
  };
}

/** Where an image's config is, and how large its layers are. */
interface Place {
  readonly config: string;
  readonly configDigest: string | undefined;
  readonly layerSizes: readonly number[];
}

async function fromDockerManifest(documents: ImageDocuments, path: string): Promise<Place> {
  const images = asList(await readJson(documents, "manifest.json", path), path, "manifest.json");
  const image = asObject(onlyOne(images, path), path, "manifest.json");
  const config = asString(image["Config"], path, "Config");
  const layers = asList(image["Layers"], path, "Layers").map((layer) => asString(layer, path, "Layers"));
  const sizes = await Promise.all(layers.map((layer) => documents.sizeOf(layer)));
  const missing = sizes.indexOf(undefined);
  if (missing !== -1) throw corrupted(path, `the layer ${layers[missing]} is missing`);
  const hex = /([0-9a-f]{64})(\.json)?$/.exec(config)?.[1];
  return { config, configDigest: hex && `sha256:${hex}`, layerSizes: sizes as number[] };
}

async function fromIndex(documents: ImageDocuments, path: string): Promise<Place> {
  const index = asObject(await readJson(documents, "index.json", path), path, "index.json");
  const listed = asList(index["manifests"], path, "index.json").map((entry) => digestIn(entry, path));
  const digest = asString(onlyOne([...new Set(listed)], path), path, "index.json");
  const manifest = asObject(await readJson(documents, blob(digest), path, digest), path, "manifest");
  const configDigest = digestIn(manifest["config"], path);
  const layers = asList(manifest["layers"], path, "layers").map(
    (layer) => asObject(layer, path, "layers")["size"],
  );
  if (!layers.every((size) => typeof size === "number" && Number.isSafeInteger(size) && size >= 0)) {
    throw corrupted(path, "a layer's size is not a number of bytes");
  }
  return { config: blob(configDigest), configDigest, layerSizes: layers as number[] };
}

function blob(digest: string): string {
  return `blobs/sha256/${digest.slice("sha256:".length)}`;
}

function digestIn(descriptor: unknown, path: string): string {
  const digest = asString(asObject(descriptor, path, "descriptor")["digest"], path, "digest");
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw corrupted(path, "a digest is not sha256");
  return digest;
}

async function readJson(
  documents: ImageDocuments,
  name: string,
  path: string,
  digest?: string,
): Promise<unknown> {
  const bytes = await documents.read(name);
  if (bytes === undefined) throw corrupted(path, `there is no ${name}`);
  if (digest !== undefined && digestOf(bytes) !== digest)
    throw corrupted(path, `${name} is not what its digest says`);
  try {
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw corrupted(path, `${name} is not JSON`, cause);
  }
}

function historyOf(value: unknown, path: string): HistoryEntry[] {
  return asList(value, path, "history").map((entry) => {
    const text = asObject(entry, path, "history")["created_by"];
    return typeof text === "string" ? { created_by: text } : {};
  });
}

function stringsOf(value: unknown, path: string): Record<string, string> {
  const labels = value === null ? {} : asObject(value, path, "Labels");
  return Object.fromEntries(
    Object.entries(labels).map(([key, label]) => [key, asString(label, path, "Labels")]),
  );
}

function onlyOne(images: readonly unknown[], path: string): unknown {
  if (images.length !== 1)
    throw corrupted(path, `it holds ${images.length} images, and only one can be meant`);
  return images[0];
}

function asObject(value: unknown, path: string, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw corrupted(path, `${what} is not an object`);
}

function asList(value: unknown, path: string, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw corrupted(path, `${what} is not a list`);
}

function asString(value: unknown, path: string, what: string): string {
  if (typeof value === "string") return value;
  throw corrupted(path, `${what} is not a string`);
}
