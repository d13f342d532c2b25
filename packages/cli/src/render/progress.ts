import type { PackProgress, ReadProgress, VerifyProgress } from "@stowage/core";
import { formatSize } from "./size.ts";

/** What a verb that takes long says of itself. */
type Progress = PackProgress | VerifyProgress | ReadProgress;

const REDRAW_MILLISECONDS = 100;

/** One line on a terminal that says what is being done, how much, how fast, and how long still. */
export class ProgressLine implements Disposable {
  readonly #stream: NodeJS.WriteStream;
  #phase: Progress["phase"] | undefined;
  #began = 0;
  #drawn = 0;
  #shown = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  update(progress: Progress): void {
    const now = performance.now();
    if (progress.phase !== this.#phase) this.#began = now;
    this.#phase = progress.phase;
    const done = bytesDone(progress);
    const isLast = done !== undefined && "total" in progress && done >= progress.total;
    if (this.#shown && now - this.#drawn < REDRAW_MILLISECONDS && !isLast) return;
    this.#drawn = now;
    this.#draw(describe(progress, (now - this.#began) / 1000));
  }

  /** Takes the line away, so that what is printed next stands alone. */
  clear(): void {
    if (this.#shown) this.#stream.write("\r\u001b[K");
    this.#shown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #draw(text: string): void {
    // A terminal that does not know its width says 0.
    const width = (this.#stream.columns || 80) - 1;
    this.#stream.write(`\r\u001b[K${text.slice(0, width)}`);
    this.#shown = true;
  }
}

function bytesDone(progress: Progress): number | undefined {
  if (progress.phase === "verify" || progress.phase === "read" || progress.phase === "base")
    return progress.read;
  return "written" in progress ? progress.written : undefined;
}

function describe(progress: Progress, seconds: number): string {
  switch (progress.phase) {
    case "query":
      return "asking the store for the closure";
    case "base":
      return describeBytes("reading the base", { ...progress, written: progress.read }, seconds);
    case "fetch":
      return describeReceived(progress.received, seconds);
    case "measure":
      return `packing ${progress.paths} store paths, ${formatSize(progress.narSize)}`;
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
