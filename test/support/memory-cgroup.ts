import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomUUID } from "node:crypto";

/** A control group that lets its processes have so much memory and no more, page cache included (cgroups(7)). */
export interface MemoryCgroup extends Disposable {
  /** The words before a command that is to run in it. */
  readonly prefix: readonly string[];
  /** Bytes that its processes had at most. */
  readonly peak: () => number;
}

/** Where the memory controller is, and what it calls a limit and a peak: version 1 or 2. */
const hierarchies = [
  { folder: "/sys/fs/cgroup/memory", limit: "memory.limit_in_bytes", peak: "memory.max_usage_in_bytes" },
  { folder: "/sys/fs/cgroup", limit: "memory.max", peak: "memory.peak" },
];

/** Makes one; undefined where this machine has no memory controller for us. */
export function memoryCgroup(bytes: number): MemoryCgroup | undefined {
  for (const { folder, limit, peak } of hierarchies) {
    const own = join(folder, `stowage-test-${randomUUID()}`);
    try {
      mkdirSync(own);
    } catch {
      continue;
    }
    if (existsSync(join(own, limit)) && existsSync(join(own, peak))) {
      writeFileSync(join(own, limit), `${bytes}`);
      return {
        prefix: ["sh", "-c", `echo $$ > ${own}/cgroup.procs && exec "$@"`, "sh"],
        peak: () => Number(readFileSync(join(own, peak), "utf8")),
        [Symbol.dispose]: () => rmdirSync(own),
      };
    }
    rmdirSync(own);
  }
  return undefined;
}
