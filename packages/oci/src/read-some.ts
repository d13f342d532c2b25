import type { FileHandle } from "node:fs/promises";

/**
 * Reads some bytes at a place, again where a signal came between: libuv does not do that for reads.
 * @returns how many were read; 0 at the file's end
 */
export async function readSome(handle: FileHandle, buffer: Uint8Array, position: number): Promise<number> {
  for (;;) {
    try {
      return (await handle.read(buffer, 0, buffer.length, position)).bytesRead;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EINTR")) throw error;
    }
  }
}
