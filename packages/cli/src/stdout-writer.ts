import { fstatSync } from "node:fs";
import { Socket } from "node:net";
import type { Writable } from "node:stream";

const STDOUT = 1;

/** stdout for much data; disposing of it gives up what no reader has taken, which would keep the process alive. */
export interface StdoutWriter extends Disposable {
  readonly stream: Writable;
}

/**
 * On a pipe `process.stdout` writes synchronously, which keeps signals out for as long as the reader stands still; a
 * socket over the same descriptor waits in the event loop.
 */
export function openStdout(): StdoutWriter {
  const stats = fstatSync(STDOUT);
  if (!stats.isFIFO() && !stats.isSocket()) return { stream: process.stdout, [Symbol.dispose]: () => {} };
  const socket = new Socket({ fd: STDOUT, readable: false, writable: true });
  return { stream: socket, [Symbol.dispose]: () => void socket.destroy() };
}
