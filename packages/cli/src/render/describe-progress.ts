import type { PackProgress, ReadProgress, VerifyProgress } from "@stowage/core";
import { formatCount } from "./count.ts";
import { formatSize } from "./size.ts";

/** What a verb that takes long says of itself. */
export type Progress = PackProgress | VerifyProgress | ReadProgress;

/** Shows people how far something is. */
export interface ProgressView extends Disposable {
  update(progress: Progress): void;
  /** Takes away what stands in the way of other lines. */
  clear(): void;
}

/** Tells phases apart, and knows since when the current one lasts. */
export class PhaseClock {
  #phase: Progress["phase"] | undefined;
  #began = 0;

  /**
   * Seconds since the phase of the progress began.
   * @param now milliseconds of any clock
   */
  secondsAt(progress: Progress, now: number): number {
    if (progress.phase !== this.#phase) this.#began = now;
    this.#phase = progress.phase;
    return (now - this.#began) / 1000;
  }
}

/** Whether everything that was to be done is. */
export function isComplete(progress: Progress): boolean {
  const done = bytesDone(progress);
  return done !== undefined && "total" in progress && done >= progress.total;
}

function bytesDone(progress: Progress): number | undefined {
  if (progress.phase === "verify" || progress.phase === "read" || progress.phase === "base")
    return progress.read;
  return "written" in progress ? progress.written : undefined;
}

/** What is being done, how much, how fast, and how long still, in one line. */
export function describeProgress(progress: Progress, seconds: number): string {
  switch (progress.phase) {
    case "query":
      return "asking the store for the closure";
    case "base":
      return describeBytes("reading the base", { ...progress, written: progress.read }, seconds);
    case "fetch":
      return describeReceived(progress.received, seconds);
    case "measure":
      return `packing ${formatCount(progress.paths, "store path")}, ${formatSize(progress.narSize)}`;
    case "write":
      return describeBytes("packing", progress, seconds);
    case "push":
      return describeBytes("pushing", progress, seconds);
    case "read":
      return describeBytes("reading", { ...progress, written: progress.read }, seconds);
    case "load":
      return describeBytes("loading", progress, seconds);
    case "verify":
      return describeBytes("verifying", { ...progress, written: progress.read }, seconds);
  }
}

function describeReceived(received: number, seconds: number): string {
  const amount = `fetching ${formatSize(received)}`;
  return seconds < 0.2 ? amount : `${amount}  ${formatSize(received / seconds)}/s`;
}

function describeBytes(
  verb: string,
  {
    written: done,
    total,
    received,
  }: { readonly written: number; readonly total: number; readonly received?: number },
  seconds: number,
): string {
  const share = total === 0 ? 100 : Math.floor((done / total) * 100);
  const amount = `${verb} ${share}%  ${formatSize(done)} of ${formatSize(total)}`;
  if (seconds < 0.2 || done === 0) return amount;
  const rate = done / seconds;
  const fetched = received === undefined ? "" : `  ${formatSize(received)} fetched`;
  return `${amount}  ${formatSize(rate)}/s  ${formatDuration((total - done) / rate)} left${fetched}`;
}

function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
