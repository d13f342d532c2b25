import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stowageWords } from "./stowage.ts";
import { removeFolder } from "./temporary-folder.ts";

/** After this long a command hangs. */
const HANG_MILLISECONDS = 60_000;

/** How a command ended whose system calls were watched. */
export interface Traced {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  readonly hangs: boolean;
  /** The lines of strace: `thread call(arguments) = result`. */
  readonly log: readonly string[];
}

/** What holds a command up once it has come so far that watching it is worth while. */
export interface Gate {
  readonly isReached: () => boolean;
  readonly open: () => void;
}

interface TraceOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** What strace is told with `-e`: `trace=…`, `inject=…`. */
  readonly expression: string;
  /** Where it waits for strace; by default where it first asks Nix for something. */
  readonly gate?: Gate | undefined;
  /** The file that its stdout is; default nowhere. */
  readonly stdout?: string | undefined;
  /** Only calls that name one of these paths, or a descriptor of one. */
  readonly paths?: readonly string[];
  /** What is done meanwhile, with the process and what strace has written so far. */
  readonly meanwhile?: (child: ChildProcess, readLog: () => string) => Promise<void>;
}

/**
 * Runs the command with its system calls watched or faulted, each thread's calls counted apart (strace(1)), and with
 * one thread for file operations, which makes their order the same each time. Watching begins at the gate: Node has
 * started by then, and its modules are loaded. Nix itself is not watched.
 */
export async function traceStowage(words: readonly string[], options: TraceOptions): Promise<Traced> {
  const folder = mkdtempSync(join(tmpdir(), "stowage-gate-"));
  const running: ChildProcess[] = [];
  try {
    const gate = options.gate ?? nixGate(folder);
    const child = start(words, options, folder);
    running.push(child);
    let stderr = "";
    child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const ended = once(child, "close");
    while (isRunning(child) && !gate.isReached()) await sleep(5);
    const strace = startStrace(child.pid ?? 0, join(folder, "log"), options);
    running.push(strace);
    const straceEnded = once(strace, "exit");
    await Promise.race([once(strace.stderr as NodeJS.ReadableStream, "data"), straceEnded]);
    gate.open();
    let hangs = false;
    const patience = setTimeout(() => {
      hangs = true;
      child.kill("SIGKILL");
    }, HANG_MILLISECONDS);
    await options.meanwhile?.(child, () => readFileSync(join(folder, "log"), "utf8"));
    await ended;
    clearTimeout(patience);
    await straceEnded;
    const { exitCode, signalCode: signal } = child;
    return { exitCode, signal, stderr, hangs, log: readFileSync(join(folder, "log"), "utf8").split("\n") };
  } finally {
    for (const child of running) child.kill("SIGKILL");
    removeFolder(folder);
  }
}

/** A `nix-store` before the real one, in a folder of its own, that waits for the file `go` once. */
function nixGate(folder: string): Gate {
  const wrapper = `#!/bin/sh
: > '${folder}/ready'
while [ -d '${folder}' ] && ! [ -e '${folder}/go' ]; do sleep 0.01; done
PATH="\${PATH#*:}" exec nix-store "$@"
`;
  writeFileSync(join(folder, "nix-store"), wrapper, { mode: 0o755 });
  return {
    isReached: () => existsSync(join(folder, "ready")),
    open: () => writeFileSync(join(folder, "go"), ""),
  };
}

/** Starts the command with a folder's programs before all others. */
function start(words: readonly string[], { cwd, env, stdout }: TraceOptions, folder: string): ChildProcess {
  const [program = "", ...rest] = stowageWords;
  const output = stdout === undefined ? undefined : openSync(stdout, "w");
  const child = spawn(program, [...rest, ...words], {
    cwd,
    env: { ...env, PATH: `${folder}:${env["PATH"]}`, UV_THREADPOOL_SIZE: "1" },
    stdio: ["ignore", output ?? "ignore", "pipe"],
  });
  if (output !== undefined) closeSync(output);
  return child;
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function startStrace(pid: number, log: string, { expression, paths = [] }: TraceOptions): ChildProcess {
  const only = paths.flatMap((path) => ["-P", path]);
  const words = ["-f", "-b", "execve", "-o", log, ...only, "-e", expression, "-p", String(pid)];
  return spawn("strace", words, { stdio: ["ignore", "ignore", "pipe"] });
}

/** How often the busiest thread made each call. */
export function countCalls(log: readonly string[]): ReadonlyMap<string, number> {
  const threads = new Map<string, number>();
  for (const line of log) {
    const made = /^(\d+) +([a-z0-9_]+)\(/.exec(line);
    if (made === null) continue;
    const key = `${made[1]} ${made[2]}`;
    threads.set(key, (threads.get(key) ?? 0) + 1);
  }
  const most = new Map<string, number>();
  for (const [key, count] of threads) {
    const call = key.split(" ")[1] as string;
    most.set(call, Math.max(most.get(call) ?? 0, count));
  }
  return most;
}

/** The calls at which one that comes as some thread's n-th of its name comes as such for the first time. */
export function firstCalls(
  log: readonly string[],
): readonly { readonly call: string; readonly n: number; readonly line: string }[] {
  const threads = new Map<string, number>();
  const most = new Map<string, number>();
  const found: { call: string; n: number; line: string }[] = [];
  for (const line of log) {
    const [, thread, call = ""] = /^(\d+) +([a-z0-9_]+)\(/.exec(line) ?? [];
    if (thread === undefined) continue;
    const n = (threads.get(`${thread} ${call}`) ?? 0) + 1;
    threads.set(`${thread} ${call}`, n);
    if (n <= (most.get(call) ?? 0)) continue;
    most.set(call, n);
    found.push({ call, n, line });
  }
  return found;
}
