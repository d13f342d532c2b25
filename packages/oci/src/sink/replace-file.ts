import { AtomicFile } from "./atomic-file.ts";

/**
 * Gives a file other contents, whole or not at all; it may be a new one. A symlink is replaced, not followed.
 * @param options.shown what errors call it; default its path
 * @param options.mode its permissions; default those that the umask leaves to any new file
 * @throws OciError `output-failed`, `output-unusable`
 */
export async function replaceFile(
  path: string,
  bytes: Uint8Array,
  { shown = path, mode }: { readonly shown?: string; readonly mode?: number } = {},
): Promise<void> {
  await using file = await AtomicFile.create(path, shown);
  await file.writeAt(bytes, 0);
  if (mode !== undefined) await file.setMode(mode);
  await file.commit(path);
}
