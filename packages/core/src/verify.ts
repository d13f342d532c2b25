import type { StorePath } from "@stowage/nix";
import {
  formatPlatform,
  parsePlatform,
  readArchiveStream,
  readContents,
  verifyContents,
  type LayerFacts,
  type StoredBlob,
  type VerifiedImage,
} from "@stowage/oci";
import { imagesFor } from "@stowage/oci/internal";
import { openImageAt } from "./registry/open-image-at.ts";
import { askStore } from "./verify/ask-store.ts";
import { checkStorePaths, type VerifiedStorePath } from "./verify/check-store-paths.ts";
import { checkRoots } from "./verify/entrypoint.ts";
import { limitAlike, type VerifyFinding } from "./verify/finding.ts";
import { LayerReading } from "./verify/layer-reading.ts";
import { countLayersBefore, readImageRecord, type ReadRecord } from "./verify/read-record.ts";
import type { ImageReport, Verdict, VerifyOptions, VerifyResult } from "./verify-options.ts";

/**
 * Verifies what an archive, a layout directory or a registry holds, reading each layer once and extracting nothing: digests, sizes,
 * counts, the safety of every entry, and each store path's NAR hash, recomputed from the layers and held against this
 * machine's Nix, or against the image's own record where Nix does not know the path.
 *
 * @throws OciError `image-missing`, `image-unreadable`, `registry-…`; `image-corrupted` for what is no image at all
 * @throws NixError when a store that is named cannot be asked
 * @example
 * ```ts
 * const { verdict, findings } = await verify({ image: "app.tar" });
 * ```
 */
export async function verify(options: VerifyOptions): Promise<VerifyResult> {
  const { signal } = options;
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const layers = new LayerReading(options);
  const inspect = (blob: StoredBlob): Promise<LayerFacts> => layers.inspect(blob);
  await using source =
    options.stream === undefined
      ? await openImageAt(options.image, { ...options, platform })
      : await readArchiveStream(options.stream, { place: options.image, signal, inspect });
  const all = await readContents(source, signal);
  const contents = { ...all, images: imagesFor(platform, all.images, options.image) };

  const records = contents.images.map(({ config }) => readImageRecord(config?.history ?? []));
  layers.expect(contents, records);
  const verified = await verifyContents(contents, { signal, inspect });
  const known = await askStore(storePathsOf(layers, records), options);

  const findings: VerifyFinding[] = [...verified.findings];
  const images = verified.images.map((image) => {
    const { record, findings: ofRecord } = records[contents.images.indexOf(image.contents)] as ReadRecord;
    const paths = image.contents.layers.map(({ blob }) => (blob && layers.pathsOf(blob)) ?? []);
    const firstOwnLayer = countLayersBefore(image.contents.config?.history ?? []);
    const checked = checkStorePaths({ layers: paths, record, known: known.infos, firstOwnLayer });
    const strangers = image.contents.layers.flatMap(({ blob }, layer) => layers.strangersOf(blob, layer));
    const own = [...ofRecord, ...checked.findings, ...strangers, ...checkRoots(image, paths)];
    const place = contents.images.length === 1 ? {} : { image: image.contents.title };
    for (const finding of limitAlike(own)) findings.push({ ...place, ...finding });
    return reportImage(image, checked.paths);
  });
  return {
    verdict: judge(findings, images),
    image: options.image,
    form: source.form,
    images,
    unreferenced: contents.unreferenced.map(({ name, size }) => ({ name, size })),
    store: known.report,
    findings,
  };
}

function storePathsOf(layers: LayerReading, records: readonly ReadRecord[]): StorePath[] {
  const recorded = records.flatMap(({ record }) => record?.infos.map(({ path }) => path) ?? []);
  return [...new Set([...layers.paths, ...recorded])];
}

function reportImage(
  { contents, layers }: VerifiedImage,
  storePaths: readonly VerifiedStorePath[],
): ImageReport {
  const { names, manifestDigest, imageId, config } = contents;
  return {
    names,
    ...(manifestDigest === undefined ? {} : { manifestDigest }),
    ...(imageId === undefined ? {} : { imageId }),
    ...(config === undefined ? {} : { platform: formatPlatform(config) }),
    layers: layers.map((facts) => ({
      ...(facts === undefined ? {} : { digest: facts.stored.digest }),
      ...(facts?.diffId === undefined ? {} : { diffId: facts.diffId }),
      size: facts?.stored.size ?? 0,
      entries: facts?.entries ?? 0,
    })),
    storePaths,
  };
}

function judge(findings: readonly VerifyFinding[], images: readonly ImageReport[]): Verdict {
  if (findings.length > 0) return "failed";
  const statuses = new Set(images.flatMap(({ storePaths }) => storePaths.map(({ status }) => status)));
  if (statuses.size === 0) return "well-formed";
  if (statuses.has("unchecked")) return "unchecked";
  return statuses.has("self-consistent") ? "self-consistent" : "matches-nix";
}
