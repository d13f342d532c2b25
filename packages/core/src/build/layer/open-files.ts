import { readFileSync } from "node:fs";

/** Node itself, Nix, the output and what a sink has open at once. */
const FILES_BESIDE_THREADS = 44;
/** A thread's event loop, and the file that it reads. */
const FILES_OF_A_THREAD = 5;

/** How many worker threads this process may have files for (getrlimit(2), RLIMIT_NOFILE); one at least. */
export function threadsWithinOpenFiles(): number {
  return Math.max(1, Math.floor((openFilesLimit() - FILES_BESIDE_THREADS) / FILES_OF_A_THREAD));
}

/** Infinity where nothing says it (proc(5), `/proc/pid/limits`: name, soft, hard, unit). */
function openFilesLimit(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "latin1");
    return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Infinity);
  } catch {
    return Infinity;
  }
}
