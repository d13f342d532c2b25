import { constants } from "node:os";

/** The status that a shell sees of a process, also of one that a signal ended. */
export function statusOf([exitCode, signal]: readonly [number | null, NodeJS.Signals | null]): number {
  return exitCode ?? 128 + constants.signals[signal as NodeJS.Signals];
}

/** How a process ended whose `exit` event was waited for. */
export type Ended = [exitCode: number | null, signal: NodeJS.Signals | null];
