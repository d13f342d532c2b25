import { OciError } from "../errors.ts";
import { asFields, asList, asOptionalFields, asTexts, type Fields } from "../source/shape.ts";
import { digestOf, type Digest } from "../spec/digest.ts";
import { documentKind } from "../spec/media-kinds.ts";
import { mediaTypes } from "../spec/media-types.ts";
import { parseJson } from "../spec/parse-json.ts";
import { formatPlatform, type Platform } from "../spec/platform.ts";
import { encodeIndex } from "../spec/seal-image.ts";
import type { StoredImage } from "./stored-image.ts";

/** An image or an index, and what errors call it. */
export interface PlacedImage {
  readonly place: string;
  readonly image: StoredImage;
}

/** One line of an index. */
export interface IndexEntry {
  /** Where it comes from. */
  readonly place: string;
  readonly image: StoredImage;
  /** Undefined for what is said about another entry's image, such as BuildKit's provenance. */
  readonly platform: Platform | undefined;
  /** The descriptor. */
  readonly listed: Fields;
}

/**
 * Makes one index of images for several platforms; of an index that is given, its own images count. Entries are sorted by
 * platform, so that it is the same whatever the order they are given in. What all of them say of themselves, it says too: registries
 * show an index's annotations, and not those of its images.
 * @param annotations what else it says, which counts first
 * @throws OciError `image-invalid` for two images of one platform, or something that is for none
 */
export function combineIndex(
  images: readonly PlacedImage[],
  annotations: Readonly<Record<string, string>> = {},
): {
  readonly index: StoredImage;
  readonly entries: readonly IndexEntry[];
} {
  const all = images.flatMap(({ place, image }) => entriesOf(place, image));
  requireDistinct(all);
  const entries = all.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const said = inOrder({ ...commonAnnotations(images), ...annotations });
  const bytes = encodeIndex(
    entries.map(({ listed }) => listed),
    Object.keys(said).length === 0 ? {} : { annotations: said },
  );
  const index: StoredImage = {
    mediaType: mediaTypes.index,
    digest: digestOf(bytes),
    bytes,
    blobs: [],
    children: entries.map(({ image }) => image),
    platform: undefined,
  };
  return { index, entries };
}

/** Annotations that all manifests have with the same value; of an index, its own. */
function commonAnnotations(images: readonly PlacedImage[]): Readonly<Record<string, string>> {
  const all = images.map(({ image }) =>
    asTexts(asFields(parseJson(image.bytes), "the manifest")["annotations"], "annotations"),
  );
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([key, value]) => others.every((said) => said[key] === value)),
  );
}

function inOrder(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(texts).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function entriesOf(place: string, image: StoredImage): IndexEntry[] {
  if (documentKind(image.mediaType) !== "index") {
    const { mediaType, digest, bytes, platform } = image;
    if (platform === undefined) throw invalid(place, "is no image for any platform");
    const listed = { mediaType, digest, size: bytes.length, platform: platformFields(platform) };
    return [{ place, image, platform, listed }];
  }
  const children = new Map(image.children.map((child) => [child.digest, child]));
  const listed = asList(asFields(parseJson(image.bytes), "the index")["manifests"], "manifests");
  return listed.flatMap((entry): IndexEntry[] => {
    const fields = asFields(entry, "manifests");
    const child = children.get(fields["digest"] as Digest);
    if (child === undefined) return [];
    if (documentKind(child.mediaType) === "index") return entriesOf(place, child);
    const { platform } = child;
    const isSaid = Object.keys(asOptionalFields(fields["platform"], "platform")).length > 0;
    const said =
      platform === undefined || isSaid ? fields : { ...fields, platform: platformFields(platform) };
    return [{ place, image: child, platform, listed: said }];
  });
}

/** In the order that the specification lists them. */
function platformFields({ os, architecture, variant }: Platform): Fields {
  return { architecture, os, ...(variant === undefined ? {} : { variant }) };
}

function requireDistinct(entries: readonly IndexEntry[]): void {
  const seen = new Map<string, IndexEntry>();
  for (const entry of entries) {
    if (entry.platform === undefined) continue;
    const key = keyOf(entry);
    const other = seen.get(key);
    if (other !== undefined) {
      const both =
        other.place === entry.place ? `'${entry.place}' twice` : `'${other.place}' and '${entry.place}'`;
      throw new OciError("image-invalid", `two images for ${formatPlatform(entry.platform)}: ${both}`, {
        path: entry.place,
        hint: "An index has one image for each platform; leave one of them out.",
      });
    }
    seen.set(key, entry);
  }
  if (seen.size === 0) throw invalid(entries[0]?.place ?? "", "has no image for any platform");
}

/** Without a variant the usual one is meant, as everybody reads it; Windows images differ by their version too. */
function keyOf({ platform, listed, image }: IndexEntry): string {
  if (platform === undefined) return `~ ${image.digest}`;
  const usual: Readonly<Record<string, string>> = { arm64: "v8", arm: "v7", amd64: "v1" };
  const { os, architecture, variant = usual[architecture] ?? "" } = platform;
  const { "os.version": version, "os.features": features } = asOptionalFields(listed["platform"], "platform");
  return JSON.stringify([os, architecture, variant, version ?? "", features ?? ""]);
}

function invalid(place: string, what: string): OciError {
  return new OciError("image-invalid", `'${place}' ${what}`, {
    path: place,
    hint: "Give images whose config says what they are for.",
  });
}
