import { OciError } from "../errors.ts";
import { formatPlatform, type Platform } from "../spec/platform.ts";
import type { ImageContents } from "./contents.ts";

/** Whether something is for a platform; where a variant is not said on either side, any is meant. */
export function isFor(wanted: Platform, offered: Platform | undefined): boolean {
  return (
    offered !== undefined &&
    wanted.os === offered.os &&
    wanted.architecture === offered.architecture &&
    (wanted.variant === undefined || offered.variant === undefined || wanted.variant === offered.variant)
  );
}

/**
 * The images of a place that are for a platform; all, where none is meant in particular.
 * @throws OciError `image-missing` where there are some, and none for it
 */
export function imagesFor(
  platform: Platform | undefined,
  images: readonly ImageContents[],
  place: string,
): readonly ImageContents[] {
  if (platform === undefined || images.length === 0) return images;
  const matching = images.filter(({ config }) => isFor(platform, config));
  if (matching.length > 0) return matching;
  const offered = images.flatMap(({ config }) => config ?? []);
  throw platformMissing(place, platform, offered);
}

/** There are images, and none for the platform. */
export function platformMissing(place: string, wanted: Platform, offered: readonly Platform[]): OciError {
  return new OciError(
    "image-missing",
    `'${place}' has no image for ${formatPlatform(wanted)}: it is for ${listPlatforms(offered)}`,
    { path: place, hint: "Choose another with --platform." },
  );
}

/** In one line, each once. */
export function listPlatforms(platforms: readonly Platform[]): string {
  return [...new Set(platforms.map(formatPlatform))].join(", ") || "none that it says";
}
