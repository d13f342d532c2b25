import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { sniffCompression } from "../layer/decompress.ts";
import { openArchive } from "./archive-source.ts";
import { withReadErrors } from "./file-blob.ts";
import type { ImageSource } from "./image-source.ts";
import { openLayout } from "./layout-source.ts";

/**
 * Whether a path looks like an image: a layout directory, a tar archive (POSIX `ustar` at byte 257), or one that is compressed as a
 * whole.
 */
export async function isImagePath(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isDirectory())
    return (await stat(join(path, "oci-layout")).catch(() => undefined))?.isFile() ?? false;
  if (!stats?.isFile()) return false;
  const handle = await open(path, "r");
  try {
    const start = Buffer.alloc(262);
    await handle.read(start, 0, start.length, 0);
    return start.toString("latin1", 257) === "ustar" || sniffCompression(start) !== "none";
  } finally {
    await handle.close();
  }
}

/**
 * Opens what holds images: a layout directory or an archive, whoever wrote it.
 * @throws OciError `image-missing`, `image-unreadable`; `image-corrupted` when it is neither
 */
export async function openImage(path: string, signal?: AbortSignal): Promise<ImageSource> {
  const stats = await withReadErrors(path, () => stat(path));
  return stats.isDirectory() ? openLayout(path) : openArchive(path, signal);
}
