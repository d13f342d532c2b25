import { chmod, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OciError } from "../errors.ts";
import type { BlockPool } from "../compression/block-pool.ts";
import {
  PLAIN_TAR,
  type ImageDraft,
  type LayerWriteOptions,
  type Sink,
  type WrittenImage,
  type WrittenLayer,
} from "../image-draft.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import {
  describeImage,
  encodeIndex,
  LAYOUT_MARKER,
  sealImage,
  type SealedImage,
} from "../spec/seal-image.ts";
import { syncFolder } from "./atomic-file.ts";
import { BlobStage } from "./blob-stage.ts";
import { FileWriter } from "./byte-writer.ts";
import { CompressedLayers } from "./compressed-layers.ts";
import { withLock } from "./folder-lock.ts";
import { mergeIndex } from "./merge-index.ts";
import { systemErrorCode, withOutputErrors } from "./output-error.ts";
import { followSymlinks } from "./output-place.ts";
import { replaceFile } from "./replace-file.ts";
import { removeLeftOvers, temporaryName } from "./temporary-name.ts";
import { markTemporary } from "./temporary-path.ts";
import { writeAllLayers, writeLayerInto } from "./write-all.ts";

/**
 * An OCI image layout directory (OCI image spec, image-layout.md). A new one is made beside its place and renamed; to
 * one that is there already the image is added, `index.json` last, which replaces what had the same name. Several
 * processes may write to one layout at once. A blob that is there with the digest and the size of a remembered layer is
 * taken as it is, unread: reading it would cost as much as writing it, and `verify` is there for damage.
 */
export function layoutSink(path: string): Sink {
  return {
    write: (image, options = {}) =>
      addToPlace(path, options, async (blobs) => {
        const { written, sealed } = await stageImage({ blobs, shown: path }, image, options);
        return { result: written, descriptors: describeImage(sealed.manifest, image.names) };
      }),
  };
}

/** Brings blobs into a layout, and says what its index has of them. */
export type StageBlobs<Result> = (
  blobs: BlobStage,
) => Promise<{ readonly result: Result; readonly descriptors: readonly Descriptor[] }>;

/** Makes a layout, or adds to one, what is staged. */
export async function addToPlace<Result>(
  path: string,
  options: { readonly signal?: AbortSignal | undefined },
  stage: StageBlobs<Result>,
): Promise<Result> {
  const { folder, isLayout } = await withOutputErrors(path, () => inspectPlace(path));
  await removeLeftOvers(folder);
  const writeTo = isLayout ? addToLayout : makeLayout;
  return writeTo({ folder, shown: path }, options, stage);
}

/** A layout's folder, and what errors call it. */
interface LayoutPlace {
  readonly folder: string;
  readonly shown: string;
}

async function makeLayout<Result>(
  place: LayoutPlace,
  options: { readonly signal?: AbortSignal | undefined },
  stage: StageBlobs<Result>,
): Promise<Result> {
  const { folder, shown } = place;
  using temporary = markTemporary(temporaryName(folder));
  const staging = temporary.path;
  await withOutputErrors(shown, () => mkdir(staging, { mode: 0o700 }));
  try {
    await using blobs = await BlobStage.open(staging, shown);
    const { result, descriptors } = await stage(blobs);
    await blobs.commit();
    await replaceFile(join(staging, "oci-layout"), LAYOUT_MARKER, { shown });
    await replaceFile(join(staging, "index.json"), encodeIndex(descriptors), { shown });
    options.signal?.throwIfAborted();
    if (!(await withOutputErrors(shown, () => publish(staging, folder)))) {
      await addEntries(place, descriptors, {
        signal: options.signal,
        commitBlobs: () => withOutputErrors(shown, () => moveBlobs(staging, folder)),
      });
      await rm(staging, { recursive: true, force: true });
    }
    return result;
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
}

async function addToLayout<Result>(
  place: LayoutPlace,
  options: { readonly signal?: AbortSignal | undefined },
  stage: StageBlobs<Result>,
): Promise<Result> {
  const { folder, shown } = place;
  mergeIndex(await readIndex(place), [], shown);
  await using blobs = await BlobStage.open(folder, shown);
  const { result, descriptors } = await stage(blobs);
  await addEntries(place, descriptors, {
    signal: options.signal,
    commitBlobs: () => blobs.commit(),
  });
  return result;
}

/** Adds entries to a layout's index after the blobs they need. The lock: an index that two read is one's that is lost. */
async function addEntries(
  place: LayoutPlace,
  descriptors: readonly Descriptor[],
  options: { readonly signal: AbortSignal | undefined; commitBlobs(): Promise<void> },
): Promise<void> {
  const { shown } = place;
  const indexFile = join(place.folder, "index.json");
  await withOutputErrors(shown, () =>
    withLock(indexFile, options.signal, async () => {
      options.signal?.throwIfAborted();
      await options.commitBlobs();
      await removeLeftOvers(indexFile);
      const existing = await readIndex(place);
      const index = mergeIndex(existing, descriptors, shown);
      if (!index.equals(Buffer.from(existing))) await replaceFile(indexFile, index, { shown });
    }),
  );
}

function readIndex({ folder, shown }: LayoutPlace): Promise<string> {
  return withOutputErrors(shown, () => readFile(join(folder, "index.json"), "utf8"));
}

async function stageImage(
  { blobs, shown }: { readonly blobs: BlobStage; readonly shown: string },
  image: ImageDraft,
  options: LayerWriteOptions,
): Promise<{ readonly written: WrittenImage; readonly sealed: SealedImage }> {
  const { compression: pool } = image;
  await stageBase(blobs, image, options);
  const layers =
    pool === undefined
      ? await stagePlainLayers({ blobs, shown }, image, options)
      : await stageCompressedLayers(blobs, { image, pool }, options);
  const sealed = sealImage(image, layers);
  for (const { bytes, digest } of [sealed.config, sealed.manifest]) await blobs.stageBytes(digest, bytes);
  const written = { imageId: sealed.config.digest, manifestDigest: sealed.manifest.digest, layers };
  return { written, sealed };
}

/** Copies the base's layers that are not there yet. */
async function stageBase(
  blobs: BlobStage,
  { base }: ImageDraft,
  { signal, onBytes }: LayerWriteOptions,
): Promise<void> {
  const layers = new Map(base?.layers.map((layer) => [layer.digest, layer]));
  for (const layer of layers.values()) {
    if (await blobs.has(layer)) {
      onBytes?.(layer.size);
      continue;
    }
    await blobs.stage(async (file) => {
      const writer = new FileWriter(file, signal);
      for await (const chunk of layer.chunks(signal)) {
        await writer.write(chunk);
        onBytes?.(chunk.length);
      }
      return layer;
    });
  }
}

function stagePlainLayers(
  { blobs, shown }: { readonly blobs: BlobStage; readonly shown: string },
  image: ImageDraft,
  options: LayerWriteOptions,
): Promise<WrittenLayer[]> {
  return writeAllLayers(image, options, {
    path: shown,
    async write(layer, index, layerOptions) {
      const known = await layer.recall(PLAIN_TAR);
      if (known !== undefined && (await blobs.has(known))) {
        layerOptions.onBytes?.(known.size);
        return known;
      }
      return blobs.stage((file) =>
        writeLayerInto({ file, offset: 0, size: undefined }, { layer, index }, layerOptions),
      );
    },
  });
}

/** Flushing a blob to the disk goes on while the next one is compressed. */
async function stageCompressedLayers(
  blobs: BlobStage,
  { image, pool }: { readonly image: ImageDraft; readonly pool: BlockPool },
  options: LayerWriteOptions,
): Promise<WrittenLayer[]> {
  await using compressed = await CompressedLayers.begin(
    image,
    { pool, has: (known) => blobs.has(known) },
    options,
  );
  const staged: Promise<WrittenLayer>[] = [];
  for (const index of image.layers.keys()) {
    const known = compressed.known[index];
    if (known !== undefined) {
      staged.push(Promise.resolve(known));
      continue;
    }
    const taken = Promise.withResolvers<void>();
    const staging = blobs.stage(async (file) => {
      const layer = await compressed.next((chunk, offset) => file.writeAt(chunk, offset));
      taken.resolve();
      return layer;
    });
    staged.push(staging);
    await Promise.race([taken.promise, staging]);
  }
  return Promise.all(staged);
}

/** Finds the folder that is meant, and whether there is a layout in it already. */
async function inspectPlace(path: string): Promise<{ readonly folder: string; readonly isLayout: boolean }> {
  if (path === "") {
    throw new OciError("output-unusable", "the output's name is empty", {
      hint: "Give a directory with -o.",
    });
  }
  const folder = await followSymlinks(path);
  const names = await readdir(folder).catch((error: unknown): string[] => {
    if (systemErrorCode(error) === "ENOENT") return [];
    if (systemErrorCode(error) === "ENOTDIR") throw occupied(path, "is no folder");
    throw error;
  });
  if (names.length === 0) return { folder, isLayout: false };
  if (!names.includes("oci-layout") || !names.includes("index.json"))
    throw occupied(path, "is a folder with something else in it");
  const marker = await readFile(join(folder, "oci-layout"), "utf8");
  if (!isKnownVersion(marker)) throw occupied(path, "is an image layout of a version nobody here knows");
  return { folder, isLayout: true };
}

/** Every layout says 1.0.0 so far (OCI image spec, image-layout.md, "oci-layout file"). */
function isKnownVersion(marker: string): boolean {
  try {
    const { imageLayoutVersion } = JSON.parse(marker) as { imageLayoutVersion?: unknown };
    return typeof imageLayoutVersion === "string" && imageLayoutVersion.startsWith("1.0.");
  } catch {
    return false;
  }
}

/**
 * Moves a finished layout to its place, as open as the umask lets a new folder be: a temporary one is its owner's.
 * @returns false when somebody else made a layout there meanwhile
 * @throws OciError `output-unusable` when they made something else
 */
async function publish(staging: string, folder: string): Promise<boolean> {
  const { mode } = await stat(join(staging, "blobs"));
  await chmod(staging, mode & 0o777);
  await syncFolder(staging);
  while (!(await renameToFree(staging, folder))) {
    if ((await inspectPlace(folder)).isLayout) return false;
  }
  await syncFolder(dirname(folder)).catch(() => {});
  return true;
}

/** Renames a folder to a place where there is nothing or an empty folder. */
async function renameToFree(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (["ENOTEMPTY", "EEXIST"].includes(systemErrorCode(error) ?? "")) return false;
    throw error;
  }
}

async function moveBlobs(from: string, to: string): Promise<void> {
  const [source, target] = [join(from, "blobs/sha256"), join(to, "blobs/sha256")];
  await mkdir(target, { recursive: true });
  for (const name of await readdir(source)) await rename(join(source, name), join(target, name));
  await syncFolder(target);
}

function occupied(path: string, what: string): OciError {
  return new OciError("output-unusable", `'${path}' ${what}`, {
    path,
    hint: "An image layout goes to a new or empty folder, or is added to an image layout.",
  });
}
