import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { OciError } from "../errors.ts";
import { END, type BlockAnswer, type BlockSlot, type BlockTask } from "./block-task.ts";
import type { StoredForm } from "../image-draft.ts";
import type { Codec } from "./codec.ts";
import { formatOf } from "./codec-format.ts";

/**
 * Threads that compress blocks. They are its own, as those of libuv, which the asynchronous functions of `node:zlib`
 * use, are four whatever the machine has.
 */
export class BlockPool implements AsyncDisposable {
  readonly codec: Codec;
  readonly jobs: number;
  readonly #threads = new Set<Worker>();
  readonly #idle: Worker[] = [];
  readonly #waiting: Job[] = [];

  /** @param jobs how many threads at most; they start when there is work for them */
  constructor(codec: Codec, jobs: number) {
    this.codec = codec;
    this.jobs = jobs;
  }

  /** What layers are stored as: everything that their bytes depend on beside the plain ones. */
  get form(): StoredForm {
    const { blockBytes, version } = formatOf(this.codec);
    return `${this.codec.name}:${this.codec.level} blocks of ${blockBytes} by ${version}`;
  }

  /**
   * Compresses the first `length` bytes of a slot; resolves with the length of what is in its other half then.
   * @throws OciError `compression-failed`
   */
  compress(slot: BlockSlot, length: number, signal: AbortSignal | undefined): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#waiting.push({ task: { codec: this.codec, slot, length }, signal, resolve, reject });
    this.#dispatch();
    return promise;
  }

  /** Ends all threads; what they are doing fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const job of this.#waiting.splice(0)) job.reject(failed("it was given up"));
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
    for (;;) {
      const [job] = this.#waiting;
      if (job === undefined) return;
      if (!job.signal?.aborted) {
        const thread = this.#idle.pop() ?? this.#start();
        if (thread === undefined) return;
        this.#assign(thread, job);
      } else job.reject(job.signal.reason);
      this.#waiting.shift();
    }
  }

  /** Another thread; undefined where there are enough, or none can be started, which fails what waits. */
  #start(): Worker | undefined {
    if (this.#threads.size >= this.jobs) return undefined;
    try {
      // tsc does not rewrite the name of a worker file: it has this file's own ending, from source and from dist.
      const thread = new Worker(new URL(`./block-worker${extname(import.meta.url)}`, import.meta.url));
      this.#threads.add(thread);
      thread.setMaxListeners(0);
      // Its job, if it has one, is told by listeners of its own.
      thread.on("error", () => {}).once("exit", () => this.#forget(thread));
      return thread;
    } catch (cause) {
      for (const job of this.#waiting.splice(0)) job.reject(failed("no thread can be started", cause));
      return undefined;
    }
  }

  #forget(thread: Worker): void {
    this.#threads.delete(thread);
    const at = this.#idle.indexOf(thread);
    if (at !== -1) this.#idle.splice(at, 1);
    this.#dispatch();
  }

  #assign(thread: Worker, { task, signal, resolve, reject }: Job): void {
    const finish = (): void => {
      thread.off("message", onMessage).off("error", onError).off("exit", onExit);
      signal?.removeEventListener("abort", onAbort);
    };
    const onAbort = (): void => void thread.terminate();
    const onMessage = (answer: BlockAnswer): void => {
      finish();
      this.#idle.push(thread);
      if ("length" in answer) resolve(answer.length);
      else reject(failed(answer.failure));
      this.#dispatch();
    };
    const onError = (cause: Error): void => {
      finish();
      reject(failed(cause.message, cause));
    };
    const onExit = (): void => {
      finish();
      reject(signal?.aborted ? signal.reason : failed("a thread ended early"));
    };
    thread.on("message", onMessage).on("error", onError).on("exit", onExit);
    signal?.addEventListener("abort", onAbort, { once: true });
    thread.postMessage(task);
  }
}

interface Job {
  readonly task: BlockTask;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (length: number) => void;
  readonly reject: (error: Error) => void;
}

function failed(why: string, cause?: unknown): OciError {
  return new OciError("compression-failed", `a layer could not be compressed: ${why}`, { cause });
}
