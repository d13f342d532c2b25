import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { isMainThread, parentPort, Worker } from "node:worker_threads";

/**
 * Hashes BYTES with SHA-256 on all processors, data in memory, and writes the seconds it took to FILE: no program that
 * hashes as much can be faster on this machine. Usage: sha256-limit.ts BYTES FILE
 */
const BUFFER_BYTES = 8 * 1024 * 1024;

if (isMainThread) {
  const [bytes = "", file = ""] = process.argv.slice(2);
  const threads = Array.from({ length: availableParallelism() }, () => new Worker(import.meta.filename));
  await Promise.all(threads.map(answer));
  const started = performance.now();
  for (const thread of threads) thread.postMessage(Number(bytes) / threads.length);
  await Promise.all(threads.map(answer));
  writeFileSync(file, String((performance.now() - started) / 1000));
  for (const thread of threads) void thread.terminate();
} else {
  const buffer = Buffer.alloc(BUFFER_BYTES, "x");
  parentPort?.once("message", (bytes: number) => {
    const hash = createHash("sha256");
    for (let left = bytes; left > 0; left -= buffer.length) hash.update(buffer);
    parentPort?.postMessage(hash.digest("hex"));
  });
  parentPort?.postMessage("ready");
}

function answer(thread: Worker): Promise<void> {
  return new Promise((resolve, reject) => void thread.once("message", () => resolve()).once("error", reject));
}
