import { describeProgress, PhaseClock, type Progress, type ProgressView } from "./describe-progress.ts";

/** A line now and then: a job that says nothing for minutes is taken for one that hangs. */
export const LOG_MILLISECONDS = 30_000;

/** Progress as lines of a log, for those that nobody sees until they are all there. */
export class ProgressLog implements ProgressView {
  readonly #say: (line: string) => void;
  readonly #now: () => number;
  readonly #clock = new PhaseClock();
  #said: number;

  constructor(say: (line: string) => void, now: () => number = () => performance.now()) {
    this.#say = say;
    this.#now = now;
    this.#said = now();
  }

  update(progress: Progress): void {
    const now = this.#now();
    const span = this.#clock.spanAt(progress, now);
    if (now - this.#said < LOG_MILLISECONDS) return;
    this.#said = now;
    this.#say(`stowage: ${describeProgress(progress, span)}`);
  }

  clear(): void {}

  [Symbol.dispose](): void {}
}

/** Whether what is said goes into a log that somebody reads later: `CI` is set by GitHub, GitLab and the others. */
export function isLogged({ CI = "" }: NodeJS.ProcessEnv): boolean {
  return CI !== "" && CI !== "0" && CI !== "false";
}
