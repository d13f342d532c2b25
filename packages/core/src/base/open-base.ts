import { parseReference, readContents, type Contents, type ImageSource } from "@stowage/oci";
import { isImageReference, openImageAt, type ImageAccess } from "../registry/open-image-at.ts";

/** What `--base` names, its documents read. */
export interface OpenBase extends AsyncDisposable {
  /** The word that named it. */
  readonly word: string;
  readonly source: ImageSource;
  readonly contents: Contents;
  /** Where it lies, if in a registry. */
  readonly origin: { readonly domain: string; readonly repository: string } | undefined;
}

/** The registry that a base is taken from; undefined for one that lies here. */
export async function originOf(word: string | undefined): Promise<OpenBase["origin"]> {
  if (word === undefined || !(await isImageReference(word))) return undefined;
  const { domain, repository } = parseReference(word);
  return { domain, repository };
}

/**
 * Opens the image that another is to be put on.
 * @throws OciError `image-missing`, `image-unreadable`, `image-corrupted`, `registry-…`
 */
export async function openBase(word: string, access: ImageAccess): Promise<OpenBase> {
  const source = await openImageAt(word, access);
  const close = (): PromiseLike<void> => source[Symbol.asyncDispose]();
  try {
    const contents = await readContents(source, access.signal);
    return { word, source, contents, origin: await originOf(word), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
