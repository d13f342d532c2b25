import { Interruption } from "./exit-codes.ts";
import type { ProgressView } from "./render/describe-progress.ts";
import { renderError } from "./render/error.ts";
import { ProgressLine } from "./render/progress-line.ts";
import { isLogged, ProgressLog } from "./render/progress-log.ts";
import { terminalSafe } from "./render/terminal-safe.ts";
import { printAll } from "./stdout.ts";

/** Options that every verb takes. */
export interface GlobalOptions {
  readonly quiet: boolean;
  /** How often `-v` was given. */
  readonly verbose: number;
  readonly color: "auto" | "always" | "never";
}

/** How a verb speaks: data on stdout, messages on stderr. */
export interface Speaker {
  readonly options: GlobalOptions;
  /** Aborted by SIGINT, SIGTERM and SIGHUP, with an {@link Interruption} as reason. */
  readonly signal: AbortSignal;
  /**
   * Begins to show how far something is: a line on a terminal, which makes room for everything else that is said; now and then
   * a line in a CI's log; undefined where nobody looks.
   */
  startProgress(): ProgressView | undefined;
  /** Data; resolved when it is written. */
  print(text: string): Promise<void>;
  /** A message of one or more lines; nothing with `-q`. */
  tell(text: string): void;
  warn(text: string): void;
  fail(error: unknown): void;
}

export function makeSpeaker(options: GlobalOptions): Speaker {
  const { stderr } = process;
  let progress: ProgressView | undefined;
  const say = (text: string): void => {
    progress?.clear();
    stderr.write(text);
  };
  const startProgress = (): ProgressView | undefined => {
    if (options.quiet) return undefined;
    if (stderr.isTTY) progress = process.env["TERM"] === "dumb" ? undefined : new ProgressLine(stderr);
    else if (isLogged(process.env)) progress = new ProgressLog((line) => void stderr.write(`${line}\n`));
    return progress;
  };
  let hasFailed = false;
  const fail = (error: unknown): void => {
    if (!hasFailed) say(renderError(error, options.verbose));
    hasFailed = true;
  };
  return {
    options,
    startProgress,
    signal: signalOfProcess(fail),
    print: (text) => {
      progress?.clear();
      return printAll(text);
    },
    tell: (text) => void (options.quiet || say(`${text.split("\n").map(terminalSafe).join("\n")}\n`)),
    warn: (text) => void (options.quiet || say(`stowage: warning: ${terminalSafe(text)}\n`)),
    fail,
  };
}

/** How long an orderly end may take after a signal; whoever sent it waits about a second. */
const PATIENCE_MILLISECONDS = 500;

/** @param fail says why the process ends, where nobody else comes to it */
function signalOfProcess(fail: (reason: Error) => void): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) return;
      const reason = new Interruption(name);
      setTimeout(() => {
        fail(reason);
        void endNow(name);
      }, PATIENCE_MILLISECONDS).unref();
      controller.abort(reason);
    });
  }
  return controller.signal;
}

/**
 * Ends the process while it still waits for something that does not come: a flush to a disk that hangs, a program that does
 * not hear. By the signal itself, as `process.exit` would wait for the threads that hang.
 */
async function endNow(name: NodeJS.Signals): Promise<void> {
  const core = await import("@stowage/core").catch(() => undefined);
  await core?.abandon();
  process.removeAllListeners(name);
  process.kill(process.pid, name);
}
