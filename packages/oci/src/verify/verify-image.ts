import { openImage } from "../source/open-image.ts";
import { readContents } from "../source/read-contents.ts";
import type { Finding } from "../finding.ts";
import { verifyContents } from "./verify-contents.ts";

/**
 * Verifies all images of an archive or a layout directory: documents, blobs, layers, entries. Nothing is extracted, and
 * nothing is believed.
 * @returns what is wrong; empty where nothing is
 * @throws OciError `image-missing`, `image-unreadable`; `image-corrupted` for what is no image at all
 */
export async function verifyImage(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly Finding[]> {
  await using source = await openImage(path, options.signal);
  const contents = await readContents(source, options.signal);
  return (await verifyContents(contents, options)).findings;
}
