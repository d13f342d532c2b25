import {
  makeClosure,
  NixError,
  parseNarHash,
  parseStorePath,
  type Closure,
  type PathInfo,
} from "@stowage/nix";
import { readImage } from "@stowage/oci";
import { recordIn } from "./build/config/closure-record.ts";
import { rootsIn } from "./build/config/root-labels.ts";
import { CoreError } from "./errors.ts";

/** What an image made by Stowage holds, by its own record. */
export interface ImageClosure {
  readonly closure: Closure;
  /** Bytes of all layers as stored. */
  readonly size: number;
  readonly layers: number;
}

/**
 * Reads the closure that an image (archive or layout directory) records of itself: no store is asked.
 * @throws OciError `image-corrupted`
 * @throws CoreError `not-found` when the image has no such record
 * @throws NixError `format-invalid` when the record is not one
 */
export async function readImageClosure(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ImageClosure> {
  const { labels, history, layerSizes } = await readImage(path, options);
  const records = history.map((entry) => recordIn(entry)).filter((record) => record !== undefined);
  const [first] = records;
  if (first === undefined) {
    throw new CoreError("not-found", `'${path}' has no record of a closure`, {
      path,
      hint: "Only images made by stowage pack have one.",
    });
  }
  const infos = records.flatMap(({ storeDir, paths }) =>
    paths.map((recorded) => readRecorded(recorded, storeDir)),
  );
  const roots = rootsIn(labels).map((root) => parseStorePath(root, first.storeDir));
  const size = layerSizes.reduce((sum, bytes) => sum + bytes, 0);
  return { closure: makeClosure(first.storeDir, roots, infos), size, layers: layerSizes.length };
}

function readRecorded(recorded: unknown, storeDir: string): PathInfo {
  const { path, narHash, narSize, references } = (recorded ?? {}) as Readonly<Record<string, unknown>>;
  const isSize = typeof narSize === "number" && Number.isSafeInteger(narSize) && narSize >= 0;
  const areReferences =
    Array.isArray(references) && references.every((reference) => typeof reference === "string");
  if (typeof path !== "string" || typeof narHash !== "string" || !isSize || !areReferences) {
    throw new NixError("format-invalid", "the image's record of a store path is not whole");
  }
  return {
    path: parseStorePath(`${storeDir}/${path}`, storeDir),
    narHash: parseNarHash(narHash),
    narSize,
    references: references
      .map((reference) => parseStorePath(`${storeDir}/${reference}`, storeDir))
      .toSorted(),
  };
}
