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

/** How long a phase lasts, and what had come from binary caches when it began. */
interface PhaseSpan {
  readonly seconds: number;
  readonly receivedBefore: number;
}

/** Tells phases apart, and knows since when the current one lasts. */
export class PhaseClock {
  #phase: Progress["phase"] | undefined;
  #began = 0;
  #receivedBefore = 0;

  /** @param now milliseconds of any clock */
  spanAt(progress: Progress, now: number): PhaseSpan {
    if (progress.phase !== this.#phase) {
      this.#began = now;
      this.#receivedBefore = receivedIn(progress);
    }
    this.#phase = progress.phase;
    return { seconds: (now - this.#began) / 1000, receivedBefore: this.#receivedBefore };
  }
}

function receivedIn(progress: Progress): number {
  return "received" in progress ? (progress.received ?? 0) : 0;
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
export function describeProgress(progress: Progress, span: PhaseSpan): string {
  switch (progress.phase) {
    case "query":
      return "asking the store for the closure";
    case "base":
      return describeBytes("reading the base", { ...progress, written: progress.read }, span);
    case "fetch":
      return describeReceived("fetching", progress.received, span);
    case "measure":
      return `packing ${formatCount(progress.paths, "store path")}, ${formatSize(progress.narSize)}`;
    case "write":
      return describeBytes("packing", progress, span);
    case "push":
      return describeBytes("pushing", progress, span);
    case "read":
      return describeBytes("reading", { ...progress, written: progress.read }, span);
    case "load":
      return describeBytes("loading", progress, span);
    case "verify":
      return describeBytes("verifying", { ...progress, written: progress.read }, span);
  }
}

function describeReceived(verb: string, received: number, { seconds, receivedBefore }: PhaseSpan): string {
  const amount = `${verb} ${formatSize(received)}`;
  return seconds < 0.2 ? amount : `${amount}  ${formatSize((received - receivedBefore) / seconds)}/s`;
}

function describeBytes(
  verb: string,
  {
    written: done,
    total,
    received,
  }: { readonly written: number; readonly total: number; readonly received?: number },
  span: PhaseSpan,
): string {
  const { seconds } = span;
  const share = total === 0 ? 100 : Math.floor((done / total) * 100);
  const amount = `${verb} ${share}%  ${formatSize(done)} of ${formatSize(total)}`;
  if (seconds < 0.2 || done === 0) return amount;
  const rate = done / seconds;
  const fetched = received === undefined ? "" : `, ${describeReceived("fetched", received, span)}`;
  return `${amount}  ${formatSize(rate)}/s  ${formatDuration((total - done) / rate)} left${fetched}`;
}

function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
