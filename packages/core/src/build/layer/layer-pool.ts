import { availableParallelism } from "node:os";
import { extname } from "node:path";
import { setImmediate } from "node:timers/promises";
import { WorkerPool, type Outcome } from "@stowage/oci/internal";
import { CoreError } from "../../errors.ts";
import type { RingReader } from "./chunk-ring.ts";
import { unpackError, type LayerAnswer, type LayerResults, type LayerTask } from "./layer-task.ts";
import { threadsWithinOpenFiles } from "./open-files.ts";
import { isLone, LITTLE_BYTES, TasksHere } from "./tasks-here.ts";

/**
 * How much more than each of the other threads has to do: bytes that two share are copied once more. With two jobs a layer alone is
 * made in 8 % less time, and one beside half as much in 5 % more.
 */
const LARGE_PART = 3;

export interface LayerTaskOptions {
  /** About how many bytes there are to read. */
  readonly weight: number;
  /** Whether its thread may have to wait for who takes the bytes. */
  readonly waits?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Worker threads that size, read and write layers, the heaviest first, so that no thread is left alone with it at the end. Where
 * little is to be read no thread is started, unless their number was said.
 */
export class LayerPool implements AsyncDisposable {
  /** Rings that nobody uses at present: one for each layer would leave hundreds of megabytes to the collector. */
  readonly rings: RingReader[] = [];
  /** Bytes of listings that may still be kept between sizing and reading. */
  listingRoom: number = 64 * 1024 * 1024;
  readonly #jobs: number;
  readonly #threads: WorkerPool;
  /** Bytes of each layer that is being made, or yet to be. */
  readonly #making: number[] = [];
  #hasLarge = false;
  /** The end of this turn of the event loop. */
  #turn: Promise<undefined> | undefined;
  /** Tasks under way, or yet to begin, whose threads may wait. */
  #waiters = 0;
  readonly #here: TasksHere | undefined;

  /**
   * @param jobs how many threads at most; default one for each processor. Each layer that is read and larger than a ring has one
   *   more, which waits for who takes its bytes most of the time, and must not keep anybody from what those are waiting for
   */
  constructor(jobs?: number) {
    this.#here = jobs === undefined ? new TasksHere() : undefined;
    this.#jobs = jobs ?? availableParallelism();
    this.#threads = new WorkerPool({
      // tsc does not rewrite the name of a worker file: it has this file's own ending, from source and from dist.
      file: new URL(`./layer-worker${extname(import.meta.url)}`, import.meta.url),
      jobs: Math.min(this.#jobs, threadsWithinOpenFiles()),
      moreJobs: () => this.#waiters,
      failed,
    });
  }

  /**
   * Makes a layer that is asked for among others.
   * @param weight about how many bytes it has
   * @param make told whether it is so large that one thread would be at work on it long after the others have nothing left
   */
  async amongAll<T>(weight: number, make: (isLarge: boolean) => Promise<T>): Promise<T> {
    const making = this.#making;
    making.push(weight);
    // What is asked for at the same time counts, and goes on at the same time: the heaviest is begun first.
    await (this.#turn ??= setImmediate().then(() => (this.#turn = undefined)));
    const isLarge = !this.#hasLarge && this.#isLarge(weight);
    if (isLarge) this.#hasLarge = true;
    try {
      return await make(isLarge);
    } finally {
      making.splice(making.indexOf(weight), 1);
      if (isLarge) this.#hasLarge = false;
    }
  }

  #isLarge(weight: number): boolean {
    const others = this.#making.reduce((sum, other) => sum + other, -weight);
    return weight > LITTLE_BYTES && weight * (this.#jobs - 1) > LARGE_PART * others;
  }

  async run<T extends LayerTask>(task: T, options: LayerTaskOptions): Promise<LayerResults[T["type"]]> {
    const { weight, waits = false, signal, onBytes } = options;
    const here = this.#here;
    if (here !== undefined && isLone(task) && (await here.take(task, weight))) return here.run(task, options);
    if (waits) this.#waiters++;
    try {
      const result = await this.#threads.run(task, {
        weight,
        signal,
        read: (answer) => readAnswer(answer as LayerAnswer, onBytes),
      });
      return result as LayerResults[T["type"]];
    } finally {
      if (waits) this.#waiters--;
    }
  }

  /** Ends all threads; what waits is rejected. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#threads[Symbol.asyncDispose]();
  }
}

function readAnswer(
  answer: LayerAnswer,
  onBytes: ((bytes: number) => void) | undefined,
): Outcome<LayerResults[LayerTask["type"]]> | undefined {
  switch (answer.type) {
    case "bytes":
      onBytes?.(answer.bytes);
      return undefined;
    case "done":
      return { result: answer.result };
    case "failed":
      return { error: unpackError(answer.error) };
  }
}

function failed(why: string, cause?: unknown): CoreError {
  const hint = why.includes("EMFILE") ? "Raise the limit of open files (ulimit -n)." : undefined;
  return new CoreError("worker-failed", `a layer worker failed: ${why}`, { cause, hint });
}
