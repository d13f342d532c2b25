import { spawn, type ChildProcess } from "node:child_process";
import type { Writable } from "node:stream";
import { engineFailed, engineMissing, isNotTaken, type EngineName } from "./engine.ts";

/** A program that loads images or tells of them. */
export interface Loader {
  readonly engine: EngineName;
  readonly program: string;
  readonly words: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/** How long a program may take to end by itself once its input has ended too early; it removes what it has made. */
const GRACE_MILLISECONDS = 10_000;
/** Of what a program prints, no more than this many characters are kept. */
const MOST_TEXT = 16 * 1024 * 1024;

/**
 * Runs a program and writes its input. Input that breaks off ends the program, which is gone before anything is thrown.
 * @throws CoreError `engine-missing`, `engine-failed`; what writing throws
 */
export async function runLoader<T>(
  loader: Loader,
  write: (input: Writable) => Promise<T>,
  signal?: AbortSignal,
): Promise<{ readonly result: T; readonly stdout: string }> {
  signal?.throwIfAborted();
  const child = start(loader);
  const { stdin } = child;
  const ended = watch(child);
  stdin.on("error", () => {});
  let result: T;
  try {
    result = await write(stdin);
    stdin.end();
  } catch (error) {
    const end = await stop(child, ended);
    signal?.throwIfAborted();
    throw isNotTaken(error) ? failure(loader, end, error) : error;
  }
  const onAbort = (): void => void child.kill("SIGTERM");
  signal?.addEventListener("abort", onAbort, { once: true });
  const end = await ended;
  signal?.removeEventListener("abort", onAbort);
  signal?.throwIfAborted();
  if (end.exitCode !== 0) throw failure(loader, end);
  return { result, stdout: end.stdout };
}

/** Runs a program without input, for what it prints. */
export async function askLoader(loader: Loader, signal?: AbortSignal): Promise<string> {
  return (await runLoader(loader, async () => {}, signal)).stdout;
}

interface End {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Where it could not be started. */
  readonly error?: NodeJS.ErrnoException;
}

type PipedProcess = ChildProcess & { readonly stdin: Writable };

function start({ program, words, environment }: Loader): PipedProcess {
  return spawn(program, words, { env: environment, stdio: ["pipe", "pipe", "pipe"] });
}

function watch(child: ChildProcess): Promise<End> {
  const { promise, resolve } = Promise.withResolvers<End>();
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => (stdout = `${stdout}${chunk.toString()}`.slice(0, MOST_TEXT)));
  child.stderr?.on("data", (chunk: Buffer) => (stderr = `${stderr}${chunk.toString()}`.slice(-MOST_TEXT)));
  child.on("error", (error) => resolve({ exitCode: null, stdout, stderr, error }));
  child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
  return promise;
}

/** Ends the input, so that the program ends by itself and cleans up; where it does not, it is told to. */
async function stop(child: PipedProcess, ended: Promise<End>): Promise<End> {
  child.stdin.destroy();
  const timer = setTimeout(() => child.kill("SIGTERM"), GRACE_MILLISECONDS);
  try {
    return await ended;
  } finally {
    clearTimeout(timer);
  }
}

function failure({ engine, program }: Loader, { error, exitCode, stderr }: End, cause?: unknown): Error {
  if (error?.code === "ENOENT") {
    return engineMissing(engine, `there is no program ${program}`, {
      hint: "Install it, or write a file with -o and load that elsewhere.",
      cause: error,
    });
  }
  if (error !== undefined) {
    return engineMissing(engine, `${program} cannot be run (${error.code})`, {
      hint: `See whether ${program} --version works.`,
      cause: error,
    });
  }
  const said = lastWords(stderr);
  if (
    /permission denied|connection refused|no such file or directory.*sock|cannot connect|failed to dial|error during connect|tls: |x509: /i.test(
      said,
    )
  )
    return engineMissing(engine, said, { hint: "Start it, and run as a user who may speak to it.", cause });
  return engineFailed(engine, said === "" ? `${program} ended with ${exitCode ?? "a signal"}` : said, cause);
}

/** The last line that says something, without what a logger puts around it. */
function lastWords(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("time="));
  return (lines.at(-1) ?? "").replace(/^(?:Error|ctr|error):\s*/, "").trim();
}
