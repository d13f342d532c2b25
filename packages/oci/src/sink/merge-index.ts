import { OciError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { encodeIndex, NAME_ANNOTATION } from "../spec/seal-image.ts";

/**
 * A layout's `index.json` with an image added: descriptors that had one of its names, or none and its digest, are
 * replaced; others stay as they are, in their order, and so does everything else that the index says.
 * @param existing the text of `index.json`
 * @throws OciError `image-corrupted` when it is not an image index
 */
export function mergeIndex(existing: string, added: readonly Descriptor[], folder: string): Buffer {
  const { schemaVersion: _version, mediaType: _type, manifests, ...others } = readIndex(existing, folder);
  const taken = new Set(added.map((descriptor) => keyOf(descriptor)));
  const kept = manifests.filter((descriptor) => !taken.has(keyOf(descriptor)));
  return encodeIndex([...kept, ...added], others);
}

interface ExistingIndex {
  readonly manifests: readonly unknown[];
  readonly [key: string]: unknown;
}

function readIndex(text: string, folder: string): ExistingIndex {
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch (cause) {
    throw notAnIndex(folder, cause);
  }
  if (!isRecord(index) || !Array.isArray(index["manifests"])) throw notAnIndex(folder, undefined);
  return { ...index, manifests: index["manifests"] };
}

/** What makes a descriptor the same entry of an index: its name, or its digest where it has none. */
function keyOf(descriptor: unknown): string {
  if (!isRecord(descriptor)) return "";
  const { annotations, digest } = descriptor;
  const name = isRecord(annotations) ? annotations[NAME_ANNOTATION] : undefined;
  if (typeof name === "string") return `name ${name}`;
  return isRecord(annotations) && Object.keys(annotations).length > 0 ? "" : `digest ${String(digest)}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function notAnIndex(folder: string, cause: unknown): OciError {
  return new OciError("image-corrupted", `${folder}/index.json is not an image index`, {
    path: folder,
    cause,
    hint: "Write to a new folder with -o.",
  });
}
