import { parsePlatform, type Platform } from "@stowage/oci";
import { CoreError } from "../../errors.ts";
import type { Found, ImageView } from "../image-view.ts";
import { platformOfProgram, platformOfPrograms, platformsOfPrograms } from "./program-platform.ts";

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
 * @throws CoreError `platform-unknown` when programs contradict each other; `platform-mismatch` when the entrypoint, or where it
 * says nothing every program, is for another platform than was asked
 * @throws OciError `image-invalid` when what was asked is not a platform
 */
export async function findPlatform(view: ImageView, sources: PlatformSources): Promise<Platform | undefined> {
  const { asked, entrypoint, programs } = sources;
  if (asked !== undefined) {
    const platform = parsePlatform(asked);
    checkAgreement(platform, await platformsFound(view, { entrypoint, programs }));
    return platform;
  }
  const found = entrypoint && (await platformOfProgram(view, entrypoint));
  return found ?? platformOfPrograms(view, programs);
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

/** A program that says for which platform it is. */
interface FoundPlatform {
  readonly place: string;
  readonly platform: Platform;
}

/** The entrypoint's; where it says nothing, those of the programs. */
async function platformsFound(
  view: ImageView,
  { entrypoint, programs }: Pick<PlatformSources, "entrypoint" | "programs">,
): Promise<FoundPlatform[]> {
  const own = entrypoint && (await platformOfProgram(view, entrypoint));
  if (entrypoint !== undefined && own !== undefined) return [{ place: entrypoint.place, platform: own }];
  return platformsOfPrograms(view, programs);
}

/** 32-bit programs that the 64-bit kernels of the same family run. */
const runsToo: Readonly<Record<string, string>> = { amd64: "386", arm64: "arm" };

/** Of several, one that runs there is enough: closures have programs of many machines. */
function checkAgreement(asked: Platform, found: readonly FoundPlatform[]): void {
  const [first] = found;
  if (first === undefined || found.some(({ platform }) => runsOn(platform, asked))) return;
  const { place, platform } = first;
  throw new CoreError(
    "platform-mismatch",
    `${place} is a program for ${platform.os}/${platform.architecture}, not for ${asked.os}/${asked.architecture}`,
    { path: place, hint: "Leave --platform out, or build the package for the platform you want." },
  );
}

/** An ELF file does not say its variant, such as arm's v7, so any that is asked for is believed. */
function runsOn(program: Platform, asked: Platform): boolean {
  if (program.os !== asked.os) return false;
  return program.architecture === asked.architecture || runsToo[asked.architecture] === program.architecture;
}
