import { parsePlatform, type Platform } from "@stowage/oci";
import { CoreError } from "../../errors.ts";
import type { Found, ImageView } from "../image-view.ts";
import { platformOfProgram, platformOfPrograms } from "./program-platform.ts";

/** What may say for which platform an image is. */
export interface PlatformSources {
  /** `--platform`, or the platform of `--config`. */
  readonly asked: string | undefined;
  /** The program the container starts. */
  readonly entrypoint: Found | undefined;
  /** The programs in the targets' `bin/`. */
  readonly programs: readonly Found[];
}

/**
 * The image's platform: as asked, else the entrypoint's, else that of the dynamically linked programs; undefined where nothing
 * says it. Never this machine's.
 * @throws CoreError `platform-unknown` when programs contradict each other; `platform-mismatch` when the entrypoint is for
 * another platform than was asked
 * @throws OciError `image-invalid` when what was asked is not a platform
 */
export function findPlatform(view: ImageView, sources: PlatformSources): Platform | undefined {
  const { asked, entrypoint, programs } = sources;
  if (asked !== undefined) {
    const platform = parsePlatform(asked);
    if (entrypoint !== undefined) checkAgreement(platform, platformOfProgram(view, entrypoint), entrypoint);
    return platform;
  }
  return (entrypoint && platformOfProgram(view, entrypoint)) ?? platformOfPrograms(view, programs);
}

/** Nothing says for which platform an image is. */
export function platformUnknown(entrypoint: Found | undefined): CoreError {
  return new CoreError(
    "platform-unknown",
    "nothing in the closure's programs says which platform they run on",
    {
      path: entrypoint?.place,
      hint: "Say it with --platform, such as --platform linux/amd64.",
    },
  );
}

/** 32-bit programs that the 64-bit kernels of the same family run. */
const runsToo: Readonly<Record<string, string>> = { amd64: "386", arm64: "arm" };

function checkAgreement(asked: Platform, found: Platform | undefined, entrypoint: Found): void {
  if (found === undefined || found.architecture === asked.architecture) return;
  if (runsToo[asked.architecture] === found.architecture) return;
  throw new CoreError(
    "platform-mismatch",
    `${entrypoint.place} is a program for ${found.os}/${found.architecture}, not for ${asked.os}/${asked.architecture}`,
    { path: entrypoint.place, hint: "Leave --platform out, or build the package for the platform you want." },
  );
}
