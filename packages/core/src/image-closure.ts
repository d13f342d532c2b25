import { makeClosure, parseStorePath, type Closure, type StorePath } from "@stowage/nix";
import { parsePlatform, readImage } from "@stowage/oci";
import { rootsIn } from "./build/config/root-labels.ts";
import { readLayersClosure } from "./image-closure/from-layers.ts";
import { readRecord } from "./image-record.ts";
import { openImageAt, type ImageAccess } from "./registry/open-image-at.ts";

/** What an image holds of the store: by its own record, or where it has none by its layers. */
export interface ImageClosure {
  readonly closure: Closure;
  /** Bytes of all layers as stored. */
  readonly size: number;
  readonly layers: number;
  /** The paths of each layer that holds some, in layer order, from the bottom up. */
  readonly storeLayers: readonly (readonly StorePath[])[];
}

export interface ImageClosureOptions extends ImageAccess {
  /** Which of several images is meant, `OS/ARCHITECTURE[/VARIANT]`; needed only where there are several. */
  readonly platform?: string | undefined;
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
  const { labels, history, layerSizes } = await readImage(source, { platform, signal: options.signal });
  const measures = { size: layerSizes.reduce((sum, bytes) => sum + bytes, 0), layers: layerSizes.length };
  const record = readRecord(history);
  if (record === undefined)
    return { ...measures, ...(await readLayersClosure(source, { platform, signal: options.signal })) };
  const { storeDir, infos, layers } = record;
  const roots = rootsIn(labels).map((root) => parseStorePath(root, storeDir));
  return {
    ...measures,
    closure: makeClosure(storeDir, roots, infos),
    storeLayers: layers.map((layer) => layer.map(({ path: held }) => held)),
  };
}
