import { parsePackageName, storePathName, type Target } from "@stowage/nix";
import type { ImageView } from "../image-view.ts";

/** What a container runs when nothing is said. */
export interface Entrypoint {
  /** The program as a place in the image; undefined where no rule names one. */
  readonly program: string | undefined;
  /** Programs that could be meant, as places in the image; empty where one was found. */
  readonly candidates: readonly string[];
}

/**
 * The program of the first target that has any: the target itself where it is an executable file, else
 * `bin/<package name>`, else the only executable in `bin/` (dotfiles, such as the `.x-wrapped` that nixpkgs' wrappers
 * leave, do not count).
 */
export async function findEntrypoint(
  view: ImageView,
  targets: readonly Target[],
  link: string,
): Promise<Entrypoint> {
  for (const [index, target] of targets.entries()) {
    const root = index === 0 ? link : target.storePath;
    const itself = target.subpath === "" ? root : `${root}/${target.subpath}`;
    if ((await view.findProgram(itself)) !== undefined) return { program: itself, candidates: [] };
    const programs = await programsIn(view, `${root}/bin`);
    const named = `${root}/bin/${packageNameOf(target)}`;
    if (programs.includes(named)) return { program: named, candidates: [] };
    if (programs.length === 1) return { program: programs[0], candidates: [] };
    if (programs.length > 1) return { program: undefined, candidates: programs };
  }
  return { program: undefined, candidates: [] };
}

/** The executables in a directory, dotfiles left out. */
export async function programsIn(view: ImageView, directory: string): Promise<string[]> {
  const programs: string[] = [];
  for (const name of await view.list(directory)) {
    const place = `${directory}/${name}`;
    if (!name.startsWith(".") && (await view.findProgram(place)) !== undefined) programs.push(place);
  }
  return programs;
}

/** The package's name by Nix's rule, from the store path alone: a deriver differs between stores. */
export function packageNameOf(target: Target): string {
  return parsePackageName(storePathName(target.storePath)).name;
}
