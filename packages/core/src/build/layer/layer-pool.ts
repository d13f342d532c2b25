import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { CoreError } from "../../errors.ts";
import type { RingReader } from "./chunk-ring.ts";
import { END, unpackError, type LayerAnswer, type LayerResults, type LayerTask } from "./layer-task.ts";
import { threadsWithinOpenFiles } from "./open-files.ts";

/** Worker threads that size, read and write layers. Threads start when there is work for them, and end on disposal. */
export class LayerPool implements AsyncDisposable {
  /** Rings that nobody uses at present: one for each layer would leave hundreds of megabytes to the collector. */
  readonly rings: RingReader[] = [];
  /** Bytes of listings that may still be kept between sizing and reading. */
  listingRoom: number = 64 * 1024 * 1024;
  #jobs: number;
  readonly #threads = new Set<Worker>();
  readonly #idle: Worker[] = [];
  /** Threads that have answered: others may still fail to start. */
  readonly #proven = new WeakSet<Worker>();
  #waiting: Job[] = [];
  /** Layers that are read, or wait to be. */
  #readers = 0;
  #closed = false;

  /**
   * @param jobs how many threads at most; each layer that is read has one more, which waits for who takes its bytes most
   *   of the time, and must not keep anybody from what those are waiting for
   */
  constructor(jobs: number) {
    this.#jobs = Math.min(jobs, threadsWithinOpenFiles());
  }

  /** Does one task; the heaviest that waits is begun first, so that no thread is left alone with it at the end. */
  run<T extends LayerTask>(task: T, options: LayerTaskOptions): Promise<LayerResults[T["type"]]> {
    const { weight, signal, onBytes } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<LayerResults[T["type"]]>();
    if (task.type === "read") {
      this.#readers++;
      const leave = (): void => void this.#readers--;
      promise.then(leave, leave);
    }
    const settle = (result: LayerResults[LayerTask["type"]]): void =>
      resolve(result as LayerResults[T["type"]]);
    const job: Job = { task, weight, onBytes, signal, resolve: settle, reject };
    const at = this.#waiting.findIndex((other) => other.weight < weight);
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, job);
    // Queued work begins once the caller has queued all of it, or the first in line would not be the heaviest.
    queueMicrotask(() => this.#dispatch());
    return promise;
  }

  /** Ends all threads; what waits is rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const job of this.#waiting.splice(0))
      job.reject(new CoreError("worker-failed", "the layer workers are closed"));
    await Promise.all([...this.#threads].map((thread) => this.#end(thread)));
  }

  /** A thread that is idle ends by itself; one at work is stopped in the middle. */
  async #end(thread: Worker): Promise<void> {
    if (!this.#idle.includes(thread)) {
      await thread.terminate();
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    thread.once("exit", () => resolve());
    thread.postMessage(END);
    await promise;
  }

  #dispatch(): void {
    while (this.#waiting.length > 0 && !this.#closed) {
      const thread = this.#freeThread();
      if (thread === undefined) return;
      const job = this.#waiting.shift() as Job;
      if (job.signal?.aborted) {
        this.#idle.push(thread);
        job.reject(job.signal.reason);
      } else this.#assign(thread, job);
    }
  }

  /** A thread that has nothing to do; undefined where all have, or none can be started, which fails what waits. */
  #freeThread(): Worker | undefined {
    const idle = this.#idle.pop();
    if (idle !== undefined || this.#threads.size >= this.#jobs + this.#readers) return idle;
    try {
      return this.#start();
    } catch (cause) {
      const error = new CoreError("worker-failed", "no worker thread can be started", { cause });
      for (const job of this.#waiting.splice(0)) job.reject(error);
      return undefined;
    }
  }

  #start(): Worker {
    // tsc does not rewrite the name of a worker file: it has this file's own ending, from source and from dist.
    const thread = new Worker(new URL(`./layer-worker${extname(import.meta.url)}`, import.meta.url));
    thread.setMaxListeners(0);
    // Its job, if it has one, is told by listeners of its own.
    thread.on("error", () => {}).once("exit", () => this.#forget(thread));
    this.#threads.add(thread);
    return thread;
  }

  #forget(thread: Worker): void {
    this.#threads.delete(thread);
    const at = this.#idle.indexOf(thread);
    if (at !== -1) this.#idle.splice(at, 1);
    this.#dispatch();
  }

  #assign(thread: Worker, job: Job): void {
    const finish = (): void => {
      thread.off("message", onMessage).off("error", onError).off("exit", onExit);
      job.signal?.removeEventListener("abort", onAbort);
    };
    // The thread is ended, and only then the job: until then it may still write.
    const onAbort = (): void => void thread.terminate();
    const onMessage = (answer: LayerAnswer): void => {
      this.#proven.add(thread);
      if (answer.type === "bytes") {
        job.onBytes?.(answer.bytes);
        return;
      }
      finish();
      this.#idle.push(thread);
      if (answer.type === "done") job.resolve(answer.result);
      else job.reject(unpackError(answer.error));
      this.#dispatch();
    };
    const onError = (cause: Error): void => {
      finish();
      if (!this.#proven.has(thread) && this.#threads.size > 1) {
        // Files or memory do not suffice for so many: those that did start do its work.
        this.#jobs = this.#threads.size - 1;
        this.#waiting.unshift(job);
      } else job.reject(workerFailed(cause));
    };
    const onExit = (): void => {
      finish();
      job.reject(
        job.signal?.aborted
          ? job.signal.reason
          : new CoreError("worker-failed", "a layer worker ended early"),
      );
    };
    thread.on("message", onMessage).on("error", onError).on("exit", onExit);
    job.signal?.addEventListener("abort", onAbort, { once: true });
    thread.postMessage(job.task);
  }
}

function workerFailed(cause: Error): CoreError {
  const hint = cause.message.includes("EMFILE") ? "Raise the limit of open files (ulimit -n)." : undefined;
  return new CoreError("worker-failed", `a layer worker failed: ${cause.message}`, { cause, hint });
}

export interface LayerTaskOptions {
  /** About how many bytes there are to read. */
  readonly weight: number;
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

interface Job extends LayerTaskOptions {
  readonly task: LayerTask;
  resolve(result: LayerResults[LayerTask["type"]]): void;
  reject(error: Error): void;
}
