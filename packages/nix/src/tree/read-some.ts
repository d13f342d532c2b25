import { readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";

/**
 * `readSync`, again where a signal came between: some file systems on a network or in user space say so, and libuv tries
 * every other call again, but not this one (`uv__fs_work`).
 * @returns how many bytes; 0 at the file's end
 */
export function readSome(fd: number, buffer: Uint8Array, length: number, position: number | null): number {
  for (;;) {
    try {
      return readSync(fd, buffer, 0, length, position);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EINTR")) throw error;
    }
  }
}

/** {@link readSome} without waiting, from where the last read ended. */
export async function readSomeOf(file: FileHandle, buffer: Uint8Array): Promise<number> {
  for (;;) {
    try {
      return (await file.read(buffer, 0, buffer.length)).bytesRead;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EINTR")) throw error;
    }
  }
}
