import { mkdir, mkdtemp, open, readdir, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import pLimit from "p-limit";
import { OciError } from "../errors.ts";
import type { ImageDraft, LayerWriteOptions, Sink, WrittenImage } from "../image-draft.ts";
import { hexOf } from "../spec/digest.ts";
import { describeImage, encodeIndex, LAYOUT_MARKER, sealImage, type Blob } from "../spec/seal-image.ts";
import { AtomicFile, syncFolder } from "./atomic-file.ts";
import { mergeIndex } from "./merge-index.ts";
import { withOutputErrors } from "./output-error.ts";
import { writeAllLayers } from "./write-all.ts";

/** How many blobs are open at once: each costs a file descriptor, and there are up to 125. */
const OPEN_BLOBS = 16;

/**
 * An OCI image layout directory (OCI image spec, image-layout.md). A new one is made beside its place and renamed; to
 * one that is there already the image is added, `index.json` last, which replaces what had the same name.
 */
export function layoutSink(path: string): Sink {
  return { write: (image, options = {}) => withOutputErrors(path, () => writeLayout(path, image, options)) };
}

async function writeLayout(
  path: string,
  image: ImageDraft,
  options: LayerWriteOptions,
): Promise<WrittenImage> {
  if (path === "")
    throw new OciError("output-unusable", "the output's name is empty", {
      hint: "Give a directory with -o.",
    });
  if ((await inspectPlace(path)) === "layout") return addImage(await realpath(path), image, options);
  const place = await realpath(path).catch(() => resolve(path));
  const staging = await mkdtemp(join(dirname(place), `.${basename(place).slice(0, 100)}.`));
  try {
    const written = await addImage(staging, image, options);
    await makeReadable(staging);
    await rename(staging, place);
    await syncFolder(dirname(place));
    return written;
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
}

/** Whether there is room for a new layout, or a layout already. */
async function inspectPlace(path: string): Promise<"free" | "layout"> {
  const names = await readdir(path).catch((error: unknown): string[] => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    if (error instanceof Error && "code" in error && error.code === "ENOTDIR") throw occupied(path, "a file");
    throw error;
  });
  if (names.length === 0) return "free";
  if (!names.includes("oci-layout") || !names.includes("index.json"))
    throw occupied(path, "a folder with something else in it");
  return "layout";
}

async function addImage(
  folder: string,
  image: ImageDraft,
  options: LayerWriteOptions,
): Promise<WrittenImage> {
  const blobs = join(folder, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  const limit = pLimit(OPEN_BLOBS);
  const layers = await writeAllLayers(image, options, (layer, _index, layerOptions) =>
    limit(async () => {
      await using file = await AtomicFile.create(blobs, "layer");
      const diffId = await layer.writeAt(file.handle.fd, 0, layerOptions);
      const { size } = await file.handle.stat();
      await file.commit(join(blobs, hexOf(diffId)));
      return { diffId, digest: diffId, size };
    }),
  );
  const sealed = sealImage(image, layers);
  for (const blob of [sealed.config, sealed.manifest]) await writeBlob(blobs, blob);
  options.signal?.throwIfAborted();
  await replaceFile(join(folder, "oci-layout"), LAYOUT_MARKER);
  const existing = await readFile(join(folder, "index.json"), "utf8").catch(ignoreMissing);
  const manifests = mergeIndex(existing, describeImage(sealed.manifest, image.names), folder);
  await replaceFile(join(folder, "index.json"), encodeIndex(manifests));
  return { imageId: sealed.config.digest, manifestDigest: sealed.manifest.digest, layers };
}

async function writeBlob(blobs: string, { digest, bytes }: Blob): Promise<void> {
  await replaceFile(join(blobs, hexOf(digest)), bytes);
}

async function replaceFile(path: string, bytes: Buffer): Promise<void> {
  await using file = await AtomicFile.for(path);
  await file.handle.writeFile(bytes);
  await file.commit(path);
}

/** A temporary folder is its owner's alone; the layout is as open as the umask lets a new folder be. */
async function makeReadable(folder: string): Promise<void> {
  const { mode } = await stat(join(folder, "blobs"));
  const handle = await open(folder, "r");
  try {
    await handle.chmod(mode & 0o777);
  } finally {
    await handle.close();
  }
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}

function occupied(path: string, what: string): OciError {
  return new OciError("output-unusable", `'${path}' is ${what}`, {
    path,
    hint: "An image layout goes to a new or empty folder, or is added to an image layout.",
  });
}
