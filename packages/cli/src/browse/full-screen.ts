import type { ReadStream, WriteStream } from "node:tty";
import type { ScreenSize } from "./state.ts";

/** The alternate screen, without a cursor and without lines that wrap. */
const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J";
const LEAVE = "\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l";

/** A terminal that a program has to itself. However the process ends, what was there before is there again. */
export class FullScreen implements Disposable {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #leave = (): void => this.leave();
  #isEntered = false;

  constructor(input: ReadStream, output: WriteStream) {
    this.#input = input;
    this.#output = output;
    // A terminal that is gone needs no word.
    output.on("error", ignore);
    process.on("exit", this.#leave);
    // Before Node says what has crashed, so that it is said on the screen that stays.
    process.on("uncaughtExceptionMonitor", this.#leave);
  }

  get size(): ScreenSize {
    // A terminal that does not know its size says 0.
    return { columns: this.#output.columns || 80, rows: this.#output.rows || 24 };
  }

  enter(): void {
    this.#input.setRawMode(true);
    this.#output.write(ENTER);
    this.#isEntered = true;
  }

  leave(): void {
    if (!this.#isEntered) return;
    this.#isEntered = false;
    this.#output.write(LEAVE);
    this.#input.setRawMode(false);
  }

  /** Shows lines from the top; the screen's other lines are empty. */
  draw(lines: readonly string[]): void {
    if (!this.#isEntered) return;
    const text = Array.from(
      { length: this.size.rows },
      (_, line) => `\u001b[${line + 1};1H\u001b[2K${lines[line] ?? ""}`,
    );
    this.#output.write(text.join(""));
  }

  [Symbol.dispose](): void {
    this.leave();
    this.#output.off("error", ignore);
    process.off("exit", this.#leave);
    process.off("uncaughtExceptionMonitor", this.#leave);
  }
}

function ignore(): void {}
