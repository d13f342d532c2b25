import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/**
 * A word for a file name that tells this process from all others, also after its number was given to another:
 * `where-pid-start`. Where: host, boot and pid namespace, outside of which a process cannot be seen.
 */
export function ownMark(): string {
  return (own ??= `${here()}-${process.pid}-${startOf(process.pid) ?? 0}`);
}

let own: string | undefined;

/** What a mark looks like, for patterns of file names. */
export const MARK = "[0-9a-f]{8}-\\d{1,10}-\\d{1,20}";

/** Whether the process of a mark lives; one that ran elsewhere, or before the last boot, cannot be seen from here. */
export function fateOf(mark: string): "lives" | "ended" | "unseen" {
  const [where, pid, started] = mark.split("-");
  if (where !== here()) return "unseen";
  return startOf(Number(pid)) === started ? "lives" : "ended";
}

let place: string | undefined;

function here(): string {
  return (place ??= createHash("sha256")
    .update(JSON.stringify([hostname(), bootId(), pidNamespace()]))
    .digest("hex")
    .slice(0, 8));
}

function bootId(): string {
  return orUndefined(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8")) ?? "";
}

function pidNamespace(): string {
  return orUndefined(() => readlinkSync("/proc/self/ns/pid")) ?? "";
}

/** Ticks from boot to a process's start (proc(5), `/proc/pid/stat`, field 22); undefined where there is no such process. */
function startOf(pid: number): string | undefined {
  const stat = orUndefined(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
  if (stat !== undefined) return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return exists(pid) ? "0" : undefined;
}

/** Where there is no /proc. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
