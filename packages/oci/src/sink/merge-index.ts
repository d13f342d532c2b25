import { OciError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";

const NAME = "io.containerd.image.name";

/**
 * A layout's descriptors with an image's own added: those that had one of its names are replaced, others stay as they
 * are, in their order.
 * @param existing the text of `index.json`, undefined where there is none
 * @throws OciError `image-corrupted` when it is not an image index
 */
export function mergeIndex(
  existing: string | undefined,
  added: readonly Descriptor[],
  folder: string,
): unknown[] {
  const taken = new Set(added.map((descriptor) => descriptor.annotations?.[NAME]));
  const kept = existing === undefined ? [] : readManifests(existing, folder);
  return [...kept.filter((descriptor) => !taken.has(nameOf(descriptor))), ...added];
}

function readManifests(text: string, folder: string): unknown[] {
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch (cause) {
    throw notAnIndex(folder, cause);
  }
  const manifests =
    typeof index === "object" && index !== null && "manifests" in index ? index.manifests : undefined;
  if (!Array.isArray(manifests)) throw notAnIndex(folder, undefined);
  return manifests;
}

function nameOf(descriptor: unknown): string | undefined {
  if (typeof descriptor !== "object" || descriptor === null || !("annotations" in descriptor))
    return undefined;
  const { annotations } = descriptor;
  if (typeof annotations !== "object" || annotations === null || !(NAME in annotations)) return undefined;
  return String((annotations as Record<string, unknown>)[NAME]);
}

function notAnIndex(folder: string, cause: unknown): OciError {
  return new OciError("image-corrupted", `${folder}/index.json is not an image index`, {
    path: folder,
    cause,
    hint: "Write to a new folder with -o.",
  });
}
