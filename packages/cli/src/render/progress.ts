import type { PackProgress } from "@stowage/core";
import { formatSize } from "./size.ts";

const REDRAW_MILLISECONDS = 100;

/** One line on a terminal that says what is being packed, how much, how fast, and how long still. */
export class ProgressLine implements Disposable {
  readonly #stream: NodeJS.WriteStream;
  #began = 0;
  #drawn = 0;
  #shown = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  update(progress: PackProgress): void {
    const now = performance.now();
    if (progress.phase === "write" && this.#began === 0) this.#began = now;
    const isLast = progress.phase === "write" && progress.written >= progress.total;
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

function describe(progress: PackProgress, seconds: number): string {
  switch (progress.phase) {
    case "query":
      return "asking the store for the closure";
    case "measure":
      return `packing ${progress.paths} store paths, ${formatSize(progress.narSize)}`;
    case "write":
      return describeWriting(progress.written, progress.total, seconds);
  }
}

function describeWriting(written: number, total: number, seconds: number): string {
  const share = total === 0 ? 100 : Math.floor((written / total) * 100);
  const amount = `packing ${share}%  ${formatSize(written)} of ${formatSize(total)}`;
  if (seconds < 0.2 || written === 0) return amount;
  const rate = written / seconds;
  return `${amount}  ${formatSize(rate)}/s  ${formatDuration((total - written) / rate)} left`;
}

function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
