import { lstat, readlink, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { OciError } from "../errors.ts";
import { systemErrorCode, withOutputErrors } from "./output-error.ts";

/** What is at an output's path: nothing or a regular file (to be replaced atomically), or something to write into. */
export type OutputPlace =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "fifo" | "device"; readonly path: string };

interface OutputPlaceOptions {
  /** What to do where there is a directory; default what one does who wants an image. */
  readonly directoryHint?: string;
}

const MAX_SYMLINKS = 40;

/**
 * Finds the place an output path means: symlinks are followed, also to a file that is still to be made.
 * @throws OciError `output-unusable` for a directory, a socket, a missing folder, or symlinks in a circle
 */
export async function findOutputPlace(
  path: string,
  { directoryHint }: OutputPlaceOptions = {},
): Promise<OutputPlace> {
  return withOutputErrors(path, async () => {
    if (path === "")
      throw new OciError("output-unusable", "the output's name is empty", { hint: "Give a file with -o." });
    const stats = await stat(path).catch(ignoreMissing);
    if (stats?.isFIFO()) return { kind: "fifo", path };
    if (stats?.isCharacterDevice() || stats?.isBlockDevice()) return { kind: "device", path };
    if (stats?.isDirectory()) {
      throw new OciError("output-unusable", `'${path}' is a directory`, {
        path,
        hint: directoryHint ?? "Name a file in it, or take --format oci-dir for an image layout directory.",
      });
    }
    if (stats !== undefined && !stats.isFile()) {
      throw new OciError("output-unusable", `'${path}' is neither a file, a FIFO nor a device`, { path });
    }
    const file = await followSymlinks(path);
    if (!(await stat(dirname(file))).isDirectory()) {
      throw new OciError("output-unusable", `'${dirname(file)}' is not a folder`, { path });
    }
    return { kind: "file", path: file };
  });
}

/** Whether an output is replaced as a file or written into as a stream. */
export async function classifyOutput(
  path: string,
  options: OutputPlaceOptions = {},
): Promise<"file" | "stream"> {
  return (await findOutputPlace(path, options)).kind === "file" ? "file" : "stream";
}

/** The absolute path that a chain of symlinks ends at, whether there is something or not. */
export async function followSymlinks(path: string): Promise<string> {
  let current = resolve(path);
  for (let followed = 0; followed <= MAX_SYMLINKS; followed++) {
    const stats = await lstat(current).catch(ignoreMissing);
    if (!stats?.isSymbolicLink()) return current;
    current = resolve(dirname(current), await readlink(current));
  }
  throw new OciError("output-unusable", `cannot write ${path}: its symlinks go round in a circle`, { path });
}

function ignoreMissing(error: unknown): undefined {
  if (systemErrorCode(error) !== "ENOENT") throw error;
}
