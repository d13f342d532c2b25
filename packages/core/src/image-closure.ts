import { makeClosure, parseStorePath, type Closure, type StorePath } from "@stowage/nix";
import { parsePlatform, readImage } from "@stowage/oci";
import { rootsIn } from "./build/config/root-labels.ts";
import { CoreError } from "./errors.ts";
import { readRecord } from "./image-record.ts";
import { openImageAt, type ImageAccess } from "./registry/open-image-at.ts";

/** What an image made by Stowage holds, by its own record. */
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
 * Reads the closure that an image (archive, layout directory, or in a registry) records of itself: no store is asked.
 * @throws OciError `image-corrupted`, `image-missing`, `image-unreadable`, `registry-…`
 * @throws CoreError `not-found` when the image has no such record
 * @throws NixError `format-invalid` when the record is not one
 */
export async function readImageClosure(
  path: string,
  options: ImageClosureOptions = {},
): Promise<ImageClosure> {
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  await using source = await openImageAt(path, { ...options, platform: platform ?? "one" });
  const { labels, history, layerSizes } = await readImage(source, { platform, signal: options.signal });
  const record = readRecord(history);
  if (record === undefined) {
    throw new CoreError("not-found", `'${path}' has no record of a closure`, {
      path,
      hint: "Only images made by stowage pack have one.",
    });
  }
  const { storeDir, infos, layers } = record;
  const roots = rootsIn(labels).map((root) => parseStorePath(root, storeDir));
  return {
    closure: makeClosure(storeDir, roots, infos),
    size: layerSizes.reduce((sum, bytes) => sum + bytes, 0),
    layers: layerSizes.length,
    storeLayers: layers.map((layer) => layer.map(({ path }) => path)),
  };
}
