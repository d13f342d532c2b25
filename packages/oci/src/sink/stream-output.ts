import { constants, createWriteStream, openSync } from "node:fs";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

const READER_POLL_MILLISECONDS = 20;

/** Opens a FIFO or a device for writing. Waiting for a FIFO's reader ends with the signal. */
export async function openStreamOutput(
  place: { readonly kind: "fifo" | "device"; readonly path: string },
  signal: AbortSignal | undefined,
): Promise<Writable> {
  if (place.kind === "device")
    return createWriteStream(place.path, { fd: openSync(place.path, constants.O_WRONLY) });
  return pipeWriter(await openFifo(place.path, signal));
}

/**
 * A stream over the writing end of a pipe that waits in the event loop: a blocking write, which files and
 * `process.stdout` make, would keep signals out for as long as the reader stands still.
 */
function pipeWriter(fd: number): Writable {
  return new Socket({ fd, readable: false, writable: true });
}

/** Without a reader a non-blocking open fails with ENXIO; a blocking one could not be given up. */
async function openFifo(path: string, signal: AbortSignal | undefined): Promise<number> {
  for (;;) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENXIO")) throw error;
    }
    signal?.throwIfAborted();
    await sleep(READER_POLL_MILLISECONDS);
  }
}
