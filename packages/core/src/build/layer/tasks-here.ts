import { setImmediate } from "node:timers/promises";
import { doTask, type LoneTask } from "./do-task.ts";
import type { LayerResults, LayerTask } from "./layer-task.ts";

/** So many bytes are read in the time that threads take to start: 0.1 s of a processor each. */
export const LITTLE_BYTES: number = 32 * 1024 * 1024;

export interface TaskHereOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Tasks that are done without a thread of their own, one after another, as long as they are little all together. */
export class TasksHere {
  /** Bytes that may still be read. */
  #room = LITTLE_BYTES;
  /** Bytes of all that is asked for in this turn of the event loop, and of what of it is read. */
  #asked = 0;
  #read = 0;
  #decision: Promise<boolean> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Whether a task is to be done here. What is asked for at the same time is little or much as a whole, and once it was much,
   * threads are there for all that follows.
   * @param weight about how many bytes there are to read
   */
  async take(task: LoneTask, weight: number): Promise<boolean> {
    if (this.#room === 0) return false;
    this.#asked += weight;
    if (task.type === "write") this.#read += weight;
    return (this.#decision ??= setImmediate().then(() => this.#decide()));
  }

  /** Does a task. After 16 MiB each timers, signals and others have their turn. */
  run<T extends LoneTask>(task: T, options: TaskHereOptions): Promise<LayerResults[T["type"]]> {
    const result = this.#last.then(() => runInSteps(task, options));
    this.#last = result.catch(() => {});
    return result as Promise<LayerResults[T["type"]]>;
  }

  #decide(): boolean {
    const isLittle = this.#asked <= this.#room;
    this.#room = isLittle ? this.#room - this.#read : 0;
    this.#asked = this.#read = 0;
    this.#decision = undefined;
    return isLittle;
  }
}

/** Whether nobody has to give or take bytes while a task is done. */
export function isLone(task: LayerTask): task is LoneTask {
  return task.type !== "read" && task.content.trees.every(({ location }) => !("narPipe" in location));
}

async function runInSteps(
  task: LoneTask,
  { signal, onBytes = () => {} }: TaskHereOptions,
): Promise<LayerResults[LoneTask["type"]]> {
  signal?.throwIfAborted();
  const work = doTask(task, onBytes);
  try {
    for (;;) {
      const step = work.next();
      if (step.done) return step.value;
      await setImmediate();
      signal?.throwIfAborted();
    }
  } finally {
    work.return?.(undefined as never);
  }
}
