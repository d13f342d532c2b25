import { makeClosure, parseStorePath, type Closure, type StorePath } from "@stowage/nix";
import { parsePlatform, readImage } from "@stowage/oci";
import { rootsIn } from "./build/config/root-labels.ts";
import { readLayersClosure, type LayersClosure } from "./image-closure/from-layers.ts";
import { readRecord, type ImageRecord } from "./image-record.ts";
import type { ReadProgress } from "./inspect-options.ts";
import { openImageAt, type ImageAccess } from "./registry/open-image-at.ts";

/** What an image holds of the store: by its own record, or where it has none by its layers. */
export interface ImageClosure {
  readonly closure: Closure;
  /** Bytes of all layers as stored. */
  readonly size: number;
  readonly layers: number;
  /** Each layer that holds store paths, from the bottom up. */
  readonly storeLayers: readonly StoreLayerContents[];
  /** Whether the image records what it holds, as Stowage's do. */
  readonly isRecorded: boolean;
  /** The image's first name. */
  readonly name?: string;
  /** Of its manifest, or where it has none of its config. */
  readonly digest?: string;
}

/** A layer and the store paths in it. */
export interface StoreLayerContents {
  /** From the bottom up, from 0. */
  readonly number: number;
  /** As the manifest says; missing in a plain docker-archive. */
  readonly digest?: string;
  /** As the config says. */
  readonly diffId?: string;
  /** Bytes as stored. */
  readonly size: number;
  readonly paths: readonly StorePath[];
}

/** Where an image is found, which of several is meant, and who is told while it is read. */
export interface ImageClosureOptions extends ImageAccess {
  /** Which of several images is meant, `OS/ARCHITECTURE[/VARIANT]`; needed only where there are several. */
  readonly platform?: string | undefined;
  /** Told of bytes as they are read, where layers or files have to be read to answer. */
  readonly onProgress?: ((progress: ReadProgress) => void) | undefined;
}

/**
 * Reads the closure that an image (archive, layout directory, or in a registry) holds; no store is asked. Stowage's images
 * record it; of others the layers are read, and the roots are what nothing else in them refers to.
 * @throws OciError `image-corrupted`, `image-missing`, `image-unreadable`, `registry-…`
 * @throws CoreError `not-found` when there are no store paths
 * @throws NixError `format-invalid` when the record is not one
 */
export async function readImageClosure(
  path: string,
  options: ImageClosureOptions = {},
): Promise<ImageClosure> {
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  await using source = await openImageAt(path, { ...options, platform: platform ?? "one" });
  const summary = await readImage(source, { platform, signal: options.signal });
  const record = readRecord(summary.history);
  const held =
    record === undefined
      ? await readLayersClosure(source, { platform, signal: options.signal, onProgress: options.onProgress })
      : recordedClosure(record, summary.labels);
  const [name] = summary.names;
  return {
    closure: held.closure,
    size: summary.layers.reduce((sum, { size }) => sum + size, 0),
    layers: summary.layers.length,
    storeLayers: held.layers.map(({ number, paths }) => {
      return { number, ...(summary.layers[number] ?? { size: 0 }), paths };
    }),
    isRecorded: record !== undefined,
    ...(name === undefined ? {} : { name }),
    ...(summary.digest === undefined ? {} : { digest: summary.digest }),
  };
}

function recordedClosure(
  { storeDir, infos, layers }: ImageRecord,
  labels: Readonly<Record<string, string>>,
): LayersClosure {
  const roots = rootsIn(labels).map((root) => parseStorePath(root, storeDir));
  return {
    closure: makeClosure(storeDir, roots, infos),
    layers: layers.map((layer) => ({ number: layer.number, paths: layer.infos.map(({ path }) => path) })),
  };
}
