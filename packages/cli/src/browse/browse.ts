import { emitKeypressEvents, type Interface } from "node:readline";
import type { ReadStream, WriteStream } from "node:tty";
import type { Style } from "../render/style.ts";
import type { BrowsedClosure, Sorting } from "./browsed-closure.ts";
import { FullScreen } from "./full-screen.ts";
import { keyName, type Keypress } from "./key-name.ts";
import { pressKey } from "./press-key.ts";
import { renderScreen } from "./render-screen.ts";
import { resized, startState } from "./state.ts";

/** How long after Esc the rest of a key's sequence may come, in milliseconds. */
const ESCAPE_PATIENCE = 50;

export interface BrowseOptions {
  readonly input: ReadStream;
  readonly output: WriteStream;
  readonly sorting: Sorting;
  readonly style: Style;
  readonly signal: AbortSignal;
}

/**
 * Shows a closure as a tree until the user leaves.
 * @throws the signal's reason when aborted; the terminal is as it was before then
 */
export async function browse(closure: BrowsedClosure, options: BrowseOptions): Promise<void> {
  const { input, output, style, signal } = options;
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  using screen = new FullScreen(input, output);
  let state = startState(closure, options.sorting, screen.size);
  const draw = (): void => screen.draw(renderScreen(state, style));
  /** What goes wrong ends the browsing, with the terminal as it was. */
  const guarded =
    <Words extends unknown[]>(act: (...words: Words) => void) =>
    (...words: Words): void => {
      try {
        act(...words);
      } catch (error) {
        reject(error);
      }
    };
  const show = (): void => {
    screen.leave();
    screen.enter();
    state = resized(state, screen.size);
    draw();
  };
  const suspend = (): void => {
    screen.leave();
    process.off("SIGTSTP", onStop);
    // The whole job, as the terminal itself would; the next line runs once it goes on.
    process.kill(0, "SIGTSTP");
    process.on("SIGTSTP", onStop);
    setImmediate(guarded(show));
  };
  const onStop = guarded(suspend);
  const onKey = guarded((_: string | undefined, key: Keypress) => {
    const name = keyName(key);
    if (name === "ctrl-c") process.kill(process.pid, "SIGINT");
    else if (name === "ctrl-z") suspend();
    else if (name === "ctrl-l") show();
    else {
      state = pressKey(state, name);
      if (state.isDone) resolve();
      else draw();
    }
  });
  const onResize = guarded(() => {
    state = resized(state, screen.size);
    draw();
  });
  const onContinue = guarded(show);
  const onAbort = (): void => reject(signal.reason as Error);
  const onEnd = (): void => resolve();

  emitKeypressEvents(input, { escapeCodeTimeout: ESCAPE_PATIENCE } as unknown as Interface);
  input.on("keypress", onKey).on("end", onEnd).on("error", onEnd);
  output.on("resize", onResize);
  process.on("SIGTSTP", onStop).on("SIGCONT", onContinue);
  signal.addEventListener("abort", onAbort);
  try {
    guarded(show)();
    input.resume();
    await promise;
  } finally {
    input.off("keypress", onKey).off("end", onEnd).off("error", onEnd).pause();
    output.off("resize", onResize);
    process.off("SIGTSTP", onStop).off("SIGCONT", onContinue);
    signal.removeEventListener("abort", onAbort);
  }
}
