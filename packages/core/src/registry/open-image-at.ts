import { lstat } from "node:fs/promises";
import {
  OciError,
  openImage,
  openRegistryImage,
  parseReference,
  Repository,
  type ImageSource,
  type RegistryImageOptions,
} from "@stowage/oci";
import { isImagePath, isRegistryReference } from "@stowage/oci/internal";
import { Registries, type RegistryAccess } from "./registry-access.ts";

/** How an image is found that may lie in a registry. */
export interface ImageAccess {
  /** How its registry is spoken to, or a command's registries, already open. */
  readonly registry?: RegistryAccess | Registries | undefined;
  /** Default `process.env`. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Whether a word means an image: a path that looks like one, or a reference in a registry that is no path here. */
export async function isImageWord(word: string): Promise<boolean> {
  return (await isImagePath(word)) || isImageReference(word);
}

/** What exists on disk is a path; anything else that looks like one is a reference in a registry. */
export async function isImageReference(word: string): Promise<boolean> {
  if (!isRegistryReference(word)) return false;
  return (await lstat(word).catch(() => undefined)) === undefined;
}

/**
 * Opens an image: an archive, a layout directory, or what a registry has under a reference.
 * @param access with `platform`, which image of a registry's index is meant
 * @throws OciError `image-…`, `registry-…`
 * @throws CoreError `option-invalid`, `file-unreadable`, `helper-failed` for how the registry is spoken to
 */
export async function openImageAt(
  word: string,
  access: ImageAccess & Pick<RegistryImageOptions, "platform"> = {},
): Promise<ImageSource> {
  const { registry = {}, environment = process.env, platform, signal } = access;
  if (!(await isImageReference(word))) {
    try {
      return await openImage(word, signal);
    } catch (error) {
      throw withReferenceHint(error, word);
    }
  }
  const reference = parseReference(word);
  const isShared = registry instanceof Registries;
  const registries = isShared
    ? registry
    : await Registries.open(registry, { environment, login: reference.domain });
  try {
    const repository = new Repository(registries.get(reference.domain), reference.repository, "pull");
    const source = await openRegistryImage(repository, reference, { place: word, platform, signal });
    return isShared ? source : { ...source, [Symbol.asyncDispose]: () => registries[Symbol.asyncDispose]() };
  } catch (error) {
    if (!isShared) await registries[Symbol.asyncDispose]();
    throw withPathHint(error, word);
  }
}

/** What begins as a reference does, with a host's port or a dot in it, or as a URL; or what names a digest. */
const referenceLike = /^(?:[\w.-]+|\[[\da-fA-F:]+\]):\w*\/|^\w[\w-]*\.[\w.-]+\/|.@/;

/** What is no path here may have been meant as a reference, and is none either. */
function withReferenceHint(error: unknown, word: string): unknown {
  if (!(error instanceof OciError) || error.code !== "image-missing" || !referenceLike.test(word))
    return error;
  try {
    parseReference(word);
    return error;
  } catch (reason) {
    if (!(reason instanceof OciError)) throw reason;
    const { message, path, cause } = error;
    const hint = word.includes("://") ? reason.hint : `Nor is it an image in a registry: ${reason.message}`;
    return new OciError("image-missing", message, { hint, path, cause });
  }
}

/** What was taken for a reference may have been meant as a path. */
function withPathHint(error: unknown, word: string): unknown {
  if (!(error instanceof OciError) || error.code !== "registry-unreachable") return error;
  const hint = `There is no file '${word}' here, so it is taken for an image in a registry. ${error.hint ?? ""}`;
  return new OciError(error.code, error.message, { hint: hint.trimEnd(), path: error.path, cause: error });
}
