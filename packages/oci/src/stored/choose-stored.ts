import { OciError } from "../errors.ts";
import { isFor, platformMissing } from "../source/choose-platform.ts";
import { documentKind } from "../spec/media-kinds.ts";
import type { Platform } from "../spec/platform.ts";
import type { ListedImage } from "./read-stored.ts";
import type { StoredImage } from "./stored-image.ts";

/**
 * The one image or index of a place that is meant: the only one, the one of a name, or the only one for a platform, which is
 * looked for in an index too.
 * @throws OciError `image-missing`, `image-corrupted` where there is none, or several and no way to tell
 */
export function chooseStored(
  listed: readonly ListedImage[],
  meant: {
    readonly place: string;
    /** In full. */
    readonly names?: readonly string[] | undefined;
    readonly platform?: Platform | undefined;
  },
): StoredImage {
  const { place, names = [], platform } = meant;
  const named = listed.filter((entry) => entry.names.some((name) => names.includes(name)));
  const entries = named.length > 0 ? named : listed;
  const candidates = entries.map(({ image }) => image);
  const chosen = platform === undefined ? candidates : forPlatform(candidates, platform, place);
  const [image] = chosen;
  if (image !== undefined && chosen.length === 1) return image;
  if (image === undefined)
    throw new OciError("image-corrupted", `'${place}' holds no image`, { path: place });
  const said = entries.flatMap((entry) => entry.names);
  throw new OciError(
    "image-missing",
    `'${place}' holds ${chosen.length} images, and only one can be meant: ${said.join(", ") || "none has a name"}`,
    {
      path: place,
      hint: "Make an archive of one of them, or choose one with --platform where they are for different ones.",
    },
  );
}

function forPlatform(images: readonly StoredImage[], platform: Platform, place: string): StoredImage[] {
  const all = images.flatMap(imagesIn);
  const matching = all.filter((image) => isFor(platform, image.platform));
  if (matching.length === 0)
    throw platformMissing(
      place,
      platform,
      all.flatMap((image) => image.platform ?? []),
    );
  return [...new Map(matching.map((image) => [image.digest, image])).values()];
}

/** The images of an index, at whatever depth; an image itself. What is said about images is left out. */
export function imagesIn(image: StoredImage): StoredImage[] {
  if (documentKind(image.mediaType) === "index") return image.children.flatMap(imagesIn);
  return image.platform === undefined ? [] : [image];
}
