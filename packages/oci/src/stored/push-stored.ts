import { ifAnswered } from "../registry/if-answered.ts";
import { putUnderNames } from "../registry/put-under-names.ts";
import type { Repository } from "../registry/repository.ts";
import { together } from "../registry/together.ts";
import { uploadBlob, type UploadOptions } from "../registry/upload.ts";
import { partsOf, type StoredImage } from "./stored-image.ts";

/**
 * Brings an image or an index into a repository as it is, under its digest and under tags: blobs first, then the documents,
 * what others refer to before them. Where the registry has the outermost document nothing else is asked for: it has what that needs.
 * Returns the bytes that were sent.
 * @throws OciError `registry-…`, `image-corrupted` for a blob that is not what its digest says
 */
export async function pushStored(
  image: StoredImage,
  to: { readonly repository: Repository; readonly tags: readonly string[] },
  options: UploadOptions = {},
): Promise<{ readonly sent: number }> {
  const { repository, tags } = to;
  const { signal } = options;
  const { blobs, documents } = partsOf(image);
  let sent = 0;
  if ((await ifAnswered(repository, (asked) => asked.headManifest(image.digest, signal))) === undefined) {
    await together(
      blobs,
      async (blob, signal) => {
        const { how } = await uploadBlob(repository, blob, { ...options, signal });
        if (how === "sent") sent += blob.size;
      },
      signal,
    );
    for (const document of documents) await putUnderNames(repository, document, [], signal);
  } else for (const { size } of blobs) options.onBytes?.(size);
  await putUnderNames(repository, image, tags, signal);
  return { sent };
}
