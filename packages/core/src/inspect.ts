import {
  formatPlatform,
  parsePlatform,
  readContents,
  verifyContents,
  type Contents,
  type VerifiedImage,
} from "@stowage/oci";
import { imagesFor } from "@stowage/oci/internal";
import { readRecordedText } from "./build/config/closure-record.ts";
import { countedBlob, totalSize } from "./inspect/counted-blob.ts";
import { describeLayers } from "./inspect/describe-layers.ts";
import { describeWaste } from "./inspect/describe-waste.ts";
import { InspectReading } from "./inspect/inspect-reading.ts";
import { openImageAt } from "./registry/open-image-at.ts";
import type { InspectedImage, InspectedStep, Inspection, InspectOptions } from "./inspect-options.ts";
import { storeDirOf } from "./inspect/store-dir-of.ts";
import type { VerifyFinding } from "./verify/finding.ts";

/**
 * Explains what an archive, a layout directory or a registry holds, whoever made it: layers, their sizes, the store paths in each, what
 * no container ever sees of it, how it is started and how it came to be. Each layer is read once; nothing is written.
 *
 * @throws OciError `image-missing`, `image-unreadable`; `image-corrupted` for what is no image at all
 * @example
 * ```ts
 * const { images } = await inspect({ image: "app.tar" });
 * console.log(images[0]?.waste?.efficiency);
 * ```
 */
export async function inspect(options: InspectOptions): Promise<Inspection> {
  const { signal, onProgress } = options;
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  await using source = await openImageAt(options.image, { ...options, platform });
  const all = await readContents(source, signal);
  const contents = { ...all, images: imagesFor(platform, all.images, options.image) };
  const reading = new InspectReading(storeDirOf(contents));
  const total = totalSize(contents.images.flatMap(({ layers }) => layers.map(({ blob }) => blob)));
  let read = 0;
  const count = (bytes: number): void => onProgress?.({ phase: "read", read: (read += bytes), total });
  const verified = await verifyContents(contents, {
    signal,
    inspect: (blob) => reading.inspect(countedBlob(blob, count), signal),
  });
  const findings: VerifyFinding[] = [...verified.findings];
  const images = verified.images.map((image) => describeImage(image, contents, reading, findings));
  return { image: options.image, form: source.form, images, findings };
}

function describeImage(
  image: VerifiedImage,
  { images }: Contents,
  reading: InspectReading,
  findings: VerifyFinding[],
): InspectedImage {
  const { title, names, manifestDigest, imageId, config } = image.contents;
  const holdings = image.contents.layers.map(({ blob }) => reading.holdingsOf(blob));
  const where = images.length === 1 ? {} : { image: title };
  const waste = describeWaste(holdings, (finding) => findings.push({ ...where, ...finding }));
  const layers = describeLayers(image, holdings, waste);
  const sum = (of: (layer: (typeof layers)[number]) => number): number =>
    layers.reduce((all, layer) => all + of(layer), 0);
  return {
    names,
    ...(manifestDigest === undefined ? {} : { manifestDigest }),
    ...(imageId === undefined ? {} : { imageId }),
    ...(config === undefined ? {} : { platform: formatPlatform(config) }),
    ...(config?.created === undefined ? {} : { created: config.created }),
    config: {
      entrypoint: config?.entrypoint ?? [],
      cmd: config?.cmd ?? [],
      env: config?.env ?? [],
      ...(config?.workingDir === undefined ? {} : { workingDir: config.workingDir }),
      ...(config?.user === undefined ? {} : { user: config.user }),
      exposedPorts: config?.exposedPorts ?? [],
      volumes: config?.volumes ?? [],
      ...(config?.stopSignal === undefined ? {} : { stopSignal: config.stopSignal }),
      labels: config?.labels ?? {},
    },
    history: describeHistory(config?.history ?? []),
    layers,
    totals: {
      size: sum(({ size }) => size),
      plainSize: sum(({ plainSize }) => plainSize),
      entries: sum(({ entries }) => entries),
      storePaths: sum(({ storePaths }) => storePaths.length),
    },
    ...(waste === undefined ? {} : { waste }),
  };
}

type History = NonNullable<VerifiedImage["contents"]["config"]>["history"];

function describeHistory(history: History): InspectedStep[] {
  let layer = 0;
  return history.map((entry) => ({
    ...(entry.created === undefined ? {} : { created: entry.created }),
    ...(entry.created_by === undefined ? {} : { createdBy: readRecordedText(entry) }),
    ...(entry.comment === undefined ? {} : { comment: entry.comment }),
    ...(entry.empty_layer === true ? {} : { layer: layer++ }),
  }));
}
