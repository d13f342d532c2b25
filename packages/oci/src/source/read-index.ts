import type { Where } from "../finding.ts";
import type { Digest } from "../spec/digest.ts";
import { documentKind } from "../spec/media-kinds.ts";
import type { Platform } from "../spec/platform.ts";
import { NAME_ANNOTATION } from "../spec/seal-image.ts";
import { readDocument, understand, type Document, type Reading } from "./reading.ts";
import {
  asDigest,
  asFields,
  asList,
  asOptionalFields,
  asOptionalText,
  asPlatform,
  asSize,
  asText,
  asTexts,
  type Fields,
} from "./shape.ts";

/** A descriptor as it stands in an index or a manifest (OCI image spec, descriptor.md). */
export interface ReadDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
  readonly platform: Platform | undefined;
}

/** One image of an index, however often it is listed. */
export interface IndexedImage {
  readonly descriptor: ReadDescriptor;
  /** Full names by annotation. */
  readonly names: readonly string[];
  /** Whether the index of the place lists it, and not an index below that. */
  readonly isTop: boolean;
}

/** An index of indexes of indexes is nothing that anybody makes. */
const MAX_DEPTH = 4;
const MAX_IMAGES = 10_000;

/** Lists the images of an `index.json` (OCI image spec, image-index.md), following indexes in it. */
export async function readIndex(reading: Reading, document: Document, where: Where): Promise<IndexedImage[]> {
  const images = new Map<Digest, { descriptor: ReadDescriptor; names: string[]; isTop: boolean }>();
  const visited = new Set<Digest>();
  const visit = async (index: Document, place: Where, depth: number): Promise<void> => {
    for (const descriptor of understandIndex(reading, index, place)) {
      const { digest, mediaType, annotations, size } = descriptor;
      const kind = documentKind(mediaType);
      const name = annotations[NAME_ANNOTATION];
      if (kind === "manifest") {
        const image = images.get(digest) ?? { descriptor, names: [], isTop: depth === 0 };
        if (name !== undefined && !image.names.includes(name)) image.names.push(name);
        images.set(digest, image);
        if (images.size > MAX_IMAGES) return;
      } else if (kind !== "index") {
        reading.findings.add("media-type", `it lists something of type '${mediaType}'`, place);
      } else if (depth === MAX_DEPTH) {
        reading.findings.add("document-invalid", "its indexes are nested too deep", place);
      } else if (!visited.has(digest)) {
        visited.add(digest);
        const below = { member: digest };
        const blob = await reading.source.blob(descriptor);
        const nested = await readDocument(reading, blob, { expected: { digest, size }, where: below });
        if (nested !== undefined) await visit(nested, below, depth + 1);
      }
    }
  };
  await visit(document, where, 0);
  if (images.size > MAX_IMAGES)
    reading.findings.add("document-invalid", `it lists more than ${MAX_IMAGES} images`, where);
  return [...images.values()].slice(0, MAX_IMAGES);
}

function understandIndex(reading: Reading, { value }: Document, where: Where): ReadDescriptor[] {
  return (
    understand(reading, where, () => {
      const index = asFields(value, "the index");
      checkHead(reading, index, { kind: "index", mediaType: undefined, where });
      return asList(index["manifests"], "manifests").map((entry) => readDescriptor(entry, "manifests"));
    }) ?? []
  );
}

/** A document's own words about what it is. */
export function checkHead(
  { findings }: Reading,
  document: Fields,
  expected: {
    readonly kind: "index" | "manifest";
    /** What the descriptor that leads here says. */
    readonly mediaType: string | undefined;
    readonly where: Where;
  },
): void {
  const { kind, mediaType, where } = expected;
  if (document["schemaVersion"] !== 2) findings.add("document-invalid", "schemaVersion is not 2", where);
  const own = asOptionalText(document["mediaType"], "mediaType");
  if (own === undefined) return;
  if (documentKind(own) !== kind || (mediaType !== undefined && own !== mediaType))
    findings.add("media-type", `it calls itself '${own}'`, where);
}

export function readDescriptor(value: unknown, what: string): ReadDescriptor {
  const descriptor = asFields(value, what);
  return {
    mediaType: asText(descriptor["mediaType"], `${what}.mediaType`),
    digest: asDigest(descriptor["digest"], `${what}.digest`),
    size: asSize(descriptor["size"], `${what}.size`),
    annotations: asTexts(descriptor["annotations"], `${what}.annotations`),
    platform: readPlatform(descriptor["platform"], `${what}.platform`),
  };
}

function readPlatform(value: unknown, what: string): Platform | undefined {
  if (value === undefined || value === null) return undefined;
  return asPlatform(asOptionalFields(value, what), what);
}
