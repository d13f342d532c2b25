import { FindingList, type Finding, type Where } from "../finding.ts";
import { BlobCheck, compareBlob, type BlobFacts } from "../source/blob-check.ts";
import type { Contents, ImageContents, LayerContents } from "../source/contents.ts";
import type { StoredBlob } from "../source/image-source.ts";
import { isMissing } from "../source/reading.ts";
import { layerCompression } from "../spec/media-kinds.ts";
import { parseDigest } from "../spec/digest.ts";
import { inspectLayer, type LayerFacts } from "./inspect-layer.ts";
import { LayerTree } from "./layer-tree.ts";

export interface VerifyContentsOptions {
  readonly signal?: AbortSignal | undefined;
  /** How a layer is read; default {@link inspectLayer}. Each layer is read once, however many images have it. */
  readonly inspect?: ((blob: StoredBlob) => Promise<LayerFacts>) | undefined;
}

/** What was found out about the images of a source. */
export interface VerifiedContents {
  readonly images: readonly VerifiedImage[];
  /** Everything that is wrong, the place and its documents first. */
  readonly findings: readonly Finding[];
}

/** One image, and what its layers turned out to hold. */
export interface VerifiedImage {
  readonly contents: ImageContents;
  /** Of each layer, from the bottom up; undefined where it is not there. */
  readonly layers: readonly (LayerFacts | undefined)[];
  /** The file system that the layers make. */
  readonly tree: LayerTree;
}

/**
 * Holds all blobs of a source against its documents: digests, sizes, diffIDs, media types, and the entries of all
 * layers one over another.
 * @throws OciError `image-unreadable`, `registry-…`
 */
export async function verifyContents(
  contents: Contents,
  options: VerifyContentsOptions = {},
): Promise<VerifiedContents> {
  const inspect = options.inspect ?? ((blob: StoredBlob) => inspectLayer(blob, { signal: options.signal }));
  const facts = new Map<string, LayerFacts>();
  const findings: Finding[] = [...contents.findings];
  const isOne = contents.images.length === 1;
  const images: VerifiedImage[] = [];
  for (const image of contents.images) {
    const place: Where = isOne ? {} : { image: image.title };
    if (image.isArtifact) {
      for (const { blob, name, digest, size } of image.layers)
        findings.push(...(await checkPlainBlob(blob, { digest, size }, { ...place, member: name }, options)));
      continue;
    }
    const layers: (LayerFacts | undefined)[] = [];
    const tree = new LayerTree();
    for (const [index, layer] of image.layers.entries()) {
      const where: Where = { ...place, layer: index, member: layer.name };
      const found = new FindingList();
      const isNew = layer.blob !== undefined && !facts.has(layer.blob.name);
      const fact = layer.blob && (facts.get(layer.blob.name) ?? (await unlessMissing(inspect(layer.blob))));
      layers.push(fact);
      if (layer.blob === undefined || fact === undefined) found.add("blob-missing", "the layer is not there");
      else {
        facts.set(layer.blob.name, fact);
        compareLayer(layer, fact, found);
        if (isNew) findings.push(...fact.findings.map((finding) => ({ ...where, ...finding })));
        tree.apply(fact.places, index, found);
      }
      findings.push(...found.all(where));
    }
    images.push({ contents: image, layers, tree });
  }
  for (const blob of contents.unreferenced) {
    const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(blob.name)?.[1];
    if (hex === undefined) continue;
    const digest = parseDigest(`sha256:${hex}`);
    findings.push(...(await checkPlainBlob(blob, { digest }, { member: blob.name }, options)));
  }
  return { images, findings };
}

/** A layer as it is against what manifest and config say. */
function compareLayer(layer: LayerContents, facts: LayerFacts, found: FindingList): void {
  for (const { code, message } of compareBlob(facts.stored, layer)) found.add(code, message);
  if (layer.mediaType !== undefined) {
    const said = layerCompression(layer.mediaType);
    if (said === undefined) found.add("media-type", `no layer has the media type '${layer.mediaType}'`);
    else if (said !== facts.compression) {
      const really = facts.compression === "none" ? "not compressed" : facts.compression;
      found.add("media-type", `it is ${really}, and its media type is '${layer.mediaType}'`);
    }
  }
  if (layer.diffId !== undefined && facts.diffId !== undefined && layer.diffId !== facts.diffId)
    found.add("diff-id-mismatch", `its tar is ${facts.diffId}, and the config says ${layer.diffId}`);
}

async function checkPlainBlob(
  blob: StoredBlob | undefined,
  expected: Pick<LayerContents, "digest"> & { readonly size?: number | undefined },
  where: Where,
  { signal }: VerifyContentsOptions,
): Promise<Finding[]> {
  const facts = blob && (await unlessMissing(measure(blob, signal)));
  if (facts === undefined) return [{ code: "blob-missing", message: "it is not there", ...where }];
  return compareBlob(facts, expected).map((finding) => ({ ...finding, ...where }));
}

async function measure(blob: StoredBlob, signal: AbortSignal | undefined): Promise<BlobFacts> {
  if (blob.passed !== undefined) return blob.passed;
  const check = new BlobCheck();
  for await (const chunk of blob.chunks(signal)) check.update(chunk);
  return check.finish();
}

/** Undefined where reading tells that a registry does not have what it should. */
async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
