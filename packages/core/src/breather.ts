import { setImmediate } from "node:timers/promises";

/** A signal is not heard while synchronous work runs; this long it may have to wait. */
const MILLISECONDS = 50;

/** Lets timers, signals and I/O have their turn in the middle of long synchronous work. */
export class Breather {
  readonly #signal: AbortSignal | undefined;
  #last: number = performance.now();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Called often: mostly nothing happens. @throws the signal's reason when aborted */
  async breathe(): Promise<void> {
    this.#signal?.throwIfAborted();
    if (performance.now() - this.#last < MILLISECONDS) return;
    await setImmediate();
    this.#last = performance.now();
    this.#signal?.throwIfAborted();
  }
}
