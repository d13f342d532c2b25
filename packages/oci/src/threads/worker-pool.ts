import { Worker } from "node:worker_threads";
import { END } from "./serve-tasks.ts";

/**
 * Garbage that a thread may leave before it is collected: 16 MiB cost eight threads that pack 20 MB more, V8's own 48 MiB another
 * 5 %, and neither is faster; 2 MiB take more of the processor.
 */
const YOUNG_MIB = 4;

export interface WorkerPoolOptions {
  /** The module that each thread runs, which answers tasks with {@link serveTasks}. */
  readonly file: URL;
  /** How many threads at most. */
  readonly jobs: number;
  /** How many more there may be at present. */
  readonly moreJobs?: () => number;
  /** How long a thread may go on with its task once it is to end, in milliseconds; default 0. */
  readonly patience?: number;
  /** The error that says why a task was not done. */
  readonly failed: (why: string, cause?: unknown) => Error;
}

export type Outcome<Result> = { readonly result: Result } | { readonly error: Error };

export interface WorkerTaskOptions<Result> {
  /** Takes an answer, of which there may be several; returns how the task ended with the last one, undefined before it. */
  readonly read: (answer: unknown) => Outcome<Result> | undefined;
  /** What is heavier is begun first; of the same weight, what came first. */
  readonly weight?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Worker threads that do one task each at a time. They start when there is work for them, and end on disposal. */
export class WorkerPool implements AsyncDisposable {
  readonly #options: WorkerPoolOptions;
  #jobs: number;
  readonly #threads = new Set<Worker>();
  readonly #idle: Worker[] = [];
  /** Threads that have answered: others may still fail to start. */
  readonly #proven = new WeakSet<Worker>();
  readonly #waiting: Job[] = [];
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#jobs = options.jobs;
  }

  /** Does one task. An abort ends its thread, and only then the task: until then it may still write. */
  run<Result>(task: unknown, options: WorkerTaskOptions<Result>): Promise<Result> {
    const { read, weight = 0, signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const take = (answer: unknown): boolean => {
      const outcome = read(answer);
      if (outcome === undefined) return false;
      if ("error" in outcome) reject(outcome.error);
      else resolve(outcome.result);
      return true;
    };
    const at = this.#waiting.findIndex((other) => other.weight < weight);
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, { task, take, weight, signal, reject });
    // Queued work begins once the caller has queued all of it, or the first in line would not be the heaviest.
    queueMicrotask(() => this.#dispatch());
    return promise;
  }

  /** Ends all threads; what waits is rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const job of this.#waiting.splice(0)) job.reject(this.#options.failed("the threads are closed"));
    await Promise.all([...this.#threads].map((thread) => this.#end(thread)));
  }

  /** A thread that is idle ends by itself; one at work is stopped in the middle, unless it is done soon. */
  async #end(thread: Worker): Promise<void> {
    if (!this.#idle.includes(thread)) {
      const { patience = 0 } = this.#options;
      if (patience > 0) await answerOrTimeout(thread, patience);
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
      const signal = this.#waiting[0]?.signal;
      if (signal?.aborted) {
        this.#waiting.shift()?.reject(signal.reason);
        continue;
      }
      const thread = this.#freeThread();
      if (thread === undefined) return;
      this.#assign(thread, this.#waiting.shift() as Job);
    }
  }

  /** A thread that has nothing to do; undefined where all have, or none can be started, which fails what waits. */
  #freeThread(): Worker | undefined {
    const { file, moreJobs = () => 0, failed } = this.#options;
    const idle = this.#idle.pop();
    if (idle !== undefined || this.#threads.size >= this.#jobs + moreJobs()) return idle;
    try {
      return this.#start(file);
    } catch (cause) {
      for (const job of this.#waiting.splice(0)) job.reject(failed("no thread can be started", cause));
      return undefined;
    }
  }

  #start(file: URL): Worker {
    const thread = new Worker(file, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB } });
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
    const { failed, patience = 0 } = this.#options;
    let ending: NodeJS.Timeout | undefined;
    const finish = (): void => {
      clearTimeout(ending);
      thread.off("message", onMessage).off("error", onError).off("exit", onExit);
      job.signal?.removeEventListener("abort", onAbort);
    };
    const onAbort = (): void => {
      ending = setTimeout(() => void thread.terminate(), patience);
    };
    const onMessage = (answer: unknown): void => {
      this.#proven.add(thread);
      if (!job.take(answer)) return;
      finish();
      this.#idle.push(thread);
      this.#dispatch();
    };
    const onError = (cause: Error): void => {
      finish();
      if (!this.#proven.has(thread) && this.#threads.size > 1) {
        // Files or memory do not suffice for so many: those that did start do its work.
        this.#jobs = this.#threads.size - 1;
        this.#waiting.unshift(job);
      } else job.reject(failed(cause.message, cause));
    };
    const onExit = (): void => {
      finish();
      job.reject(job.signal?.aborted ? job.signal.reason : failed("a thread ended early"));
    };
    thread.on("message", onMessage).on("error", onError).on("exit", onExit);
    job.signal?.addEventListener("abort", onAbort, { once: true });
    thread.postMessage(job.task);
  }
}

function answerOrTimeout(thread: Worker, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    for (const event of ["message", "exit"]) {
      thread.once(event, () => {
        clearTimeout(timer);
        resolve();
      });
    }
  });
}

interface Job {
  readonly task: unknown;
  readonly weight: number;
  readonly signal: AbortSignal | undefined;
  /** Takes an answer; says whether it was the last one. */
  readonly take: (answer: unknown) => boolean;
  readonly reject: (error: unknown) => void;
}
