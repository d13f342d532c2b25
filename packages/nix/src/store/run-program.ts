import { spawn, type ChildProcess } from "node:child_process";

export interface RunOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal | undefined;
  /** What ends the program when the signal is aborted. */
  readonly killSignal: NodeJS.Signals;
}

/** Programs that run now. */
const running = new Set<ChildProcess>();

/** Kills every program that runs, for a process that ends now and waits for nothing. */
export function killPrograms(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** A program that could not be started, or ended otherwise than with exit status 0. */
export class ProgramFailure extends Error {
  override readonly name = "ProgramFailure";
  /** Of the system call, where it could not be started. */
  readonly code: string | undefined;
  readonly exitCode: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly stderr: string;

  constructor(
    message: string,
    end: {
      readonly code?: string | undefined;
      readonly exitCode?: number | undefined;
      readonly signal?: NodeJS.Signals | undefined;
      readonly stderr?: string;
      readonly cause?: unknown;
    },
  ) {
    super(message, { cause: end.cause });
    this.code = end.code;
    this.exitCode = end.exitCode;
    this.signal = end.signal;
    this.stderr = end.stderr ?? "";
  }
}

/**
 * Runs a program without input and returns what it prints, without the last newline. When aborted, the process is gone before the reason is
 * thrown. (execa does the same and loads 150 modules for it: a fifth of what a pack that has nothing to write takes.)
 * @throws ProgramFailure
 */
export async function runProgram(
  program: string,
  words: readonly string[],
  { env, signal, killSignal }: RunOptions,
): Promise<string> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = start(program, words, env);
  running.add(child);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.on("error", (error) => reject(notStarted(error)));
  child.on("close", (exitCode, endSignal) => {
    if (exitCode === 0) resolve(withoutLastNewline(Buffer.concat(stdout).toString()));
    else {
      const said = { exitCode: exitCode ?? undefined, signal: endSignal ?? undefined };
      const how = endSignal ?? `exit status ${exitCode}`;
      const message = `${program} ended with ${how}`;
      reject(new ProgramFailure(message, { ...said, stderr: Buffer.concat(stderr).toString() }));
    }
  });
  const onAbort = (): void => void child.kill(killSignal);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await promise;
  } finally {
    running.delete(child);
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Some failures are told later by an event; of those, without file descriptors left there are not even pipes. */
function start(program: string, words: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  try {
    return spawn(program, words, { env, stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    throw notStarted(error as Error);
  }
}

function notStarted(cause: NodeJS.ErrnoException): ProgramFailure {
  return new ProgramFailure(cause.message, { code: cause.code, cause });
}

function withoutLastNewline(text: string): string {
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}
