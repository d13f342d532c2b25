import { setImmediate } from "node:timers/promises";
import { LITTLE_BYTES } from "./tasks-here.ts";

/**
 * How much more than each of the other threads has to do: bytes that two share are copied once more. With two jobs a layer alone is
 * made in a tenth less time, and one beside half as much in 5 % more.
 */
const LARGE_PART = 3;

/** Which of the layers that are made at the same time is so large that two threads are to share the work on it; one at most. */
export class LargeLayer {
  readonly #jobs: number;
  /** Bytes of each layer that is being made, or yet to be. */
  readonly #making: number[] = [];
  #isTaken = false;
  /** The end of this turn of the event loop. */
  #turn: Promise<undefined> | undefined;

  constructor(jobs: number) {
    this.#jobs = jobs;
  }

  /**
   * Makes a layer that is asked for among others.
   * @param weight about how many bytes it has
   * @param make told whether one thread would be at work on it long after the others have nothing left
   */
  async make<T>(weight: number, make: (isLarge: boolean) => Promise<T>): Promise<T> {
    const making = this.#making;
    making.push(weight);
    // What is asked for at the same time counts, and goes on at the same time: the heaviest is begun first.
    await (this.#turn ??= setImmediate().then(() => (this.#turn = undefined)));
    const isLarge = !this.#isTaken && this.#isLarge(weight);
    if (isLarge) this.#isTaken = true;
    try {
      return await make(isLarge);
    } finally {
      making.splice(making.indexOf(weight), 1);
      if (isLarge) this.#isTaken = false;
    }
  }

  #isLarge(weight: number): boolean {
    const others = this.#making.reduce((sum, other) => sum + other, -weight);
    return weight > LITTLE_BYTES && weight * (this.#jobs - 1) > LARGE_PART * others;
  }
}
