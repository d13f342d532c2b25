import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { CoreError } from "../../errors.ts";
import { unpackError, type LayerAnswer, type LayerTask } from "./layer-task.ts";

/** Worker threads that size and write layers. Threads start when there is work for them, and end on disposal. */
export class LayerPool implements AsyncDisposable {
  readonly #jobs: number;
  readonly #threads = new Set<Worker>();
  readonly #idle: Worker[] = [];
  #waiting: Job[] = [];
  #closed: Error | undefined;

  /** @param jobs how many threads at most */
  constructor(jobs: number) {
    this.#jobs = jobs;
  }

  /** Does one task; the heaviest that waits is begun first, so that no thread is left alone with it at the end. */
  run(task: LayerTask, weight: number, onBytes?: (bytes: number) => void): Promise<number | string> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const { promise, resolve, reject } = Promise.withResolvers<number | string>();
    const job: Job = { task, weight, onBytes, resolve, reject };
    const at = this.#waiting.findIndex((other) => other.weight < weight);
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, job);
    // Queued work begins once the caller has queued all of it, or the first in line would not be the heaviest.
    queueMicrotask(() => this.#dispatch());
    return promise;
  }

  /** Ends all threads, whatever they are doing; what waits is rejected with `reason`. */
  async close(reason: Error): Promise<void> {
    this.#closed ??= reason;
    for (const job of this.#waiting.splice(0)) job.reject(this.#closed);
    await Promise.all([...this.#threads].map((thread) => thread.terminate()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(new CoreError("worker-failed", "the layer workers are closed"));
  }

  #dispatch(): void {
    while (this.#waiting.length > 0 && this.#closed === undefined) {
      const thread = this.#idle.pop() ?? (this.#threads.size < this.#jobs ? this.#start() : undefined);
      if (thread === undefined) return;
      this.#assign(thread, this.#waiting.shift() as Job);
    }
  }

  #start(): Worker {
    // tsc does not rewrite the name of a worker file: it has this file's own ending, from source and from dist.
    const thread = new Worker(new URL(`./layer-worker${extname(import.meta.url)}`, import.meta.url), {
      execArgv: process.execArgv.filter((argument) => argument.startsWith("--conditions")),
    });
    thread.setMaxListeners(0);
    this.#threads.add(thread);
    return thread;
  }

  #assign(thread: Worker, job: Job): void {
    const finish = (): void => {
      thread.off("message", onMessage).off("error", onError).off("exit", onExit);
    };
    const onMessage = (answer: LayerAnswer): void => {
      if (answer.type === "bytes") {
        job.onBytes?.(answer.bytes);
        return;
      }
      finish();
      this.#idle.push(thread);
      if (answer.type === "done") job.resolve(answer.value);
      else job.reject(unpackError(answer.error));
      this.#dispatch();
    };
    const onError = (cause: Error): void => {
      finish();
      this.#threads.delete(thread);
      job.reject(new CoreError("worker-failed", `a layer worker failed: ${cause.message}`, { cause }));
      this.#dispatch();
    };
    const onExit = (): void => {
      finish();
      this.#threads.delete(thread);
      job.reject(this.#closed ?? new CoreError("worker-failed", "a layer worker ended early"));
      this.#dispatch();
    };
    thread.on("message", onMessage).on("error", onError).on("exit", onExit);
    thread.postMessage(job.task);
  }
}

interface Job {
  readonly task: LayerTask;
  /** About how many bytes there are to read. */
  readonly weight: number;
  readonly onBytes: ((bytes: number) => void) | undefined;
  resolve(value: number | string): void;
  reject(error: Error): void;
}
