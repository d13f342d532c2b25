import {
  describeProgress,
  isComplete,
  PhaseClock,
  type Progress,
  type ProgressView,
} from "./describe-progress.ts";

const REDRAW_MILLISECONDS = 100;

/** Progress as one line of a terminal, which is gone when other lines come. */
export class ProgressLine implements ProgressView {
  readonly #stream: NodeJS.WriteStream;
  readonly #onResize = (): void => this.#redraw();
  readonly #clock = new PhaseClock();
  #drawn = 0;
  #text = "";
  /** What stands on the screen; empty for nothing. */
  #shown = "";

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    stream.on("resize", this.#onResize);
  }

  update(progress: Progress): void {
    const now = performance.now();
    const span = this.#clock.spanAt(progress, now);
    // What begins and what is done is shown at once: nothing may come after it for long.
    const isDue = now - this.#drawn >= REDRAW_MILLISECONDS || span.seconds === 0 || isComplete(progress);
    if (this.#shown !== "" && !isDue) return;
    this.#drawn = now;
    this.#text = describeProgress(progress, span);
    this.#redraw(true);
  }

  clear(): void {
    if (this.#shown !== "") this.#stream.write(this.#erase());
    this.#shown = "";
  }

  [Symbol.dispose](): void {
    this.clear();
    this.#stream.off("resize", this.#onResize);
  }

  get #columns(): number {
    // A terminal that does not know its width says 0.
    return this.#stream.columns || 80;
  }

  #redraw(isNew = false): void {
    if (this.#shown === "" && !isNew) return;
    const before = this.#erase();
    this.#shown = this.#text.slice(0, this.#columns - 1);
    this.#stream.write(before + this.#shown);
  }

  /** In a terminal that became narrower the line takes up several rows. */
  #erase(): string {
    const rows = Math.max(1, Math.ceil(this.#shown.length / this.#columns));
    return rows === 1 ? "\r\u001b[K" : `\r\u001b[${rows - 1}A\u001b[J`;
  }
}
