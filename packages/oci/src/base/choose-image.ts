import { OciError } from "../errors.ts";
import type { Contents, ImageContents } from "../source/contents.ts";
import { formatPlatform, type Platform } from "../spec/platform.ts";

/**
 * Chooses the image that another is put on: of several, that of a platform.
 * @param place what errors call where they come from
 * @throws OciError `platform-mismatch` where none is for the platform; `image-corrupted` where none or several are meant
 */
export function chooseImage(
  contents: Contents,
  wanted: Platform | undefined,
  place: string,
): { readonly image: ImageContents; readonly platform: Platform } {
  const images = contents.images
    .filter(({ isArtifact }) => !isArtifact)
    .flatMap((image) => (image.config === undefined ? [] : [{ image, platform: platformOf(image.config) }]));
  const shown = [...new Set(images.map(({ platform }) => formatPlatform(platform)))].join(", ");
  if (images.length === 0) {
    const [first] = contents.findings;
    const reason = first === undefined ? "" : `: ${first.member ?? ""} ${first.message}`;
    throw new OciError("image-corrupted", `'${place}' has no image that can be read${reason}`, {
      path: place,
      hint: "Look at it with stowage verify.",
    });
  }
  const fitting = wanted === undefined ? images : fittingBest(images, wanted);
  const [chosen] = fitting;
  if (chosen === undefined) {
    throw new OciError(
      "platform-mismatch",
      `'${place}' is for ${shown}, and the image for ${formatPlatform(wanted as Platform)}`,
      { path: place, hint: "Take a base for the same platform, or build the package for the base's." },
    );
  }
  if (fitting.length === 1) return chosen;
  throw new OciError(
    wanted === undefined ? "platform-mismatch" : "image-corrupted",
    wanted === undefined
      ? `'${place}' has images for ${shown}, and nothing says which is meant`
      : `'${place}' has ${fitting.length} images for ${formatPlatform(wanted)}, and only one can be meant`,
    {
      path: place,
      hint:
        wanted === undefined ? "Say it with --platform." : "Give a base with one image for each platform.",
    },
  );
}

function platformOf({ os, architecture, variant }: Platform): Platform {
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** Those of the platform; of several variants those that come closest and still run there. */
function fittingBest<Image extends { readonly platform: Platform }>(
  images: readonly Image[],
  wanted: Platform,
): readonly Image[] {
  const same = images.filter(
    ({ platform }) => platform.os === wanted.os && platform.architecture === wanted.architecture,
  );
  const variants = new Set(same.map(({ platform }) => levelOf(platform)));
  const most = levelOf(wanted);
  const isAny = most === undefined;
  // Who does not say it of arm means v7, as Docker does, and of others the least.
  const usual = wanted.architecture === "arm" ? 7 : undefined;
  if (isAny && variants.size === 1) return same;
  const limit = most ?? usual ?? 0;
  const levels = [...variants].map((level) => level ?? 0).filter((level) => level <= limit);
  const best = Math.max(...levels);
  return same.filter(({ platform }) => (levelOf(platform) ?? 0) === best);
}

/** `v7` as 7; the least that an architecture has counts as none. */
function levelOf({ architecture, variant }: Platform): number | undefined {
  const level = Number(/^v(\d{1,2})/.exec(variant ?? "")?.[1]);
  if (!Number.isFinite(level)) return undefined;
  const least = { arm64: 8, amd64: 1 }[architecture];
  return level === least ? undefined : level;
}
