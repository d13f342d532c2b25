import { extname } from "node:path";
import { OciError } from "../errors.ts";
import type { StoredForm } from "../image-draft.ts";
import { WorkerPool, type Outcome } from "../threads/worker-pool.ts";
import { markSlot, type BlockAnswer, type BlockSlot, type BlockTask } from "./block-task.ts";
import type { Codec } from "./codec.ts";
import { formatOf } from "./codec-format.ts";

/**
 * A thread that is ended when a block has just begun may have made its codec and not yet set it up: then Node 24 aborts the whole
 * process (`close before init`, src/node_zlib.cc). After so many milliseconds that is behind it.
 */
const PATIENCE = 100;

/**
 * Threads that compress blocks. They are its own, as those of libuv, which the asynchronous functions of `node:zlib`
 * use, are four whatever the machine has.
 */
export class BlockPool implements AsyncDisposable {
  readonly codec: Codec;
  readonly jobs: number;
  readonly #threads: WorkerPool;

  /** @param jobs how many threads at most; they start when there is work for them */
  constructor(codec: Codec, jobs: number) {
    this.codec = codec;
    this.jobs = jobs;
    // tsc does not rewrite the name of a worker file: it has this file's own ending, from source and from dist.
    const file = new URL(`./block-worker${extname(import.meta.url)}`, import.meta.url);
    this.#threads = new WorkerPool({ file, jobs, patience: PATIENCE, failed });
  }

  /** What layers are stored as: everything that their bytes depend on beside the plain ones. */
  get form(): StoredForm {
    const { blockBytes, version } = formatOf(this.codec);
    return `${this.codec.name}:${this.codec.level} blocks of ${blockBytes} by ${version}`;
  }

  /**
   * Compresses the first `length` bytes of a slot; resolves with the length of what is there in their place.
   * @throws OciError `compression-failed`
   */
  compress(slot: BlockSlot, length: number, signal: AbortSignal | undefined): Promise<number> {
    markSlot(slot, "plain");
    const task: BlockTask = { codec: this.codec, slot, length };
    return this.#threads.run(task, { read: (answer) => readAnswer(answer as BlockAnswer), signal });
  }

  /** Ends all threads; what they are doing fails. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#threads[Symbol.asyncDispose]();
  }
}

function readAnswer(answer: BlockAnswer): Outcome<number> {
  return "length" in answer ? { result: answer.length } : { error: failed(answer.failure) };
}

function failed(why: string, cause?: unknown): OciError {
  return new OciError("compression-failed", `a layer could not be compressed: ${why}`, { cause });
}
