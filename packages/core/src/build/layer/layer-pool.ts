import { availableParallelism } from "node:os";
import { extname } from "node:path";
import { WorkerPool, type Outcome } from "@stowage/oci/internal";
import { CoreError } from "../../errors.ts";
import type { RingReader } from "./chunk-ring.ts";
import { LargeLayer } from "./large-layer.ts";
import { unpackError, type LayerAnswer, type LayerResults, type LayerTask } from "./layer-task.ts";
import { threadsWithinOpenFiles } from "./open-files.ts";
import { isLone, TasksHere } from "./tasks-here.ts";

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
  readonly large: LargeLayer;
  readonly #threads: WorkerPool;
  /** Tasks under way, or yet to begin, whose threads may wait. */
  #waiters = 0;
  readonly #here: TasksHere | undefined;

  /**
   * @param jobs how many threads at most; default one for each processor. Each layer that is read and larger than a ring has one
   *   more, which waits for who takes its bytes most of the time, and must not keep anybody from what those are waiting for
   */
  constructor(jobs?: number) {
    const most = jobs ?? availableParallelism();
    this.large = new LargeLayer(most);
    this.#here = jobs === undefined ? new TasksHere() : undefined;
    this.#threads = new WorkerPool({
      // tsc does not rewrite the name of a worker file: it has this file's own ending, from source and from dist.
      file: new URL(`./layer-worker${extname(import.meta.url)}`, import.meta.url),
      jobs: Math.min(most, threadsWithinOpenFiles()),
      moreJobs: () => this.#waiters,
      failed,
    });
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
