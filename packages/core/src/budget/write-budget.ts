import { stat } from "node:fs/promises";
import { OciError } from "@stowage/oci";
import { followSymlinks, removeLeftOvers, replaceFile } from "@stowage/oci/internal";
import { CoreError } from "../errors.ts";

/**
 * Gives a budget's file another text: it appears whole or not at all. A symlink to the file stays one, and the file's
 * permissions stay.
 * @throws CoreError `file-unwritable`
 */
export async function writeBudget(path: string, text: string): Promise<void> {
  try {
    const file = await followSymlinks(path);
    await removeLeftOvers(file);
    const { mode } = await stat(file);
    await replaceFile(file, Buffer.from(text), { shown: path, mode: mode & 0o7777 });
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const message = cause instanceof OciError ? cause.message : `cannot write ${path}: ${cause.message}`;
    throw new CoreError("file-unwritable", message, {
      path,
      cause,
      hint: "The budget is as it was: make room or ask for permission there, and turn it down again.",
    });
  }
}
