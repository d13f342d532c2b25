import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Tells one process from all others, also after its number was given to another: host, boot, pid namespace, pid, start. */
export interface ProcessIdentity {
  readonly host: string;
  readonly boot: string;
  readonly namespace: string;
  readonly pid: number;
  readonly started: string;
}

export function ownIdentity(): ProcessIdentity {
  return {
    host: hostname().replaceAll(/[^a-zA-Z0-9-]/g, "-"),
    boot: readOr("/proc/sys/kernel/random/boot_id", "0").trim(),
    namespace: namespaceOfProcess(),
    pid: process.pid,
    started: startOf(process.pid) ?? "0",
  };
}

/** Whether a process certainly ended: it ran here before the last boot, or here and now nobody has its number and start. */
export function hasEnded(other: ProcessIdentity, own: ProcessIdentity): boolean {
  if (other.host !== own.host) return false;
  if (other.boot !== own.boot) return true;
  return other.namespace === own.namespace && startOf(other.pid) !== other.started;
}

const separator = "_";

export function formatIdentity({ host, boot, namespace, pid, started }: ProcessIdentity): string {
  return [host, boot, namespace, pid, started].join(separator);
}

export function parseIdentity(text: string): ProcessIdentity | undefined {
  const [host, boot, namespace, pid, started] = text.split(separator);
  if (host === undefined || boot === undefined || namespace === undefined || started === undefined)
    return undefined;
  return /^\d+$/.test(pid ?? "") ? { host, boot, namespace, pid: Number(pid), started } : undefined;
}

/** Ticks from boot to the process's start (proc(5), `/proc/pid/stat`, field 22); undefined where there is no such process. */
function startOf(pid: number): string | undefined {
  const stat = readOr(`/proc/${pid}/stat`, "");
  if (stat === "") return processExists(pid) ? "0" : undefined;
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

/** Where there is no /proc. */
function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function namespaceOfProcess(): string {
  try {
    return readlinkSync("/proc/self/ns/pid").replaceAll(/\D/g, "");
  } catch {
    return "0";
  }
}

function readOr(path: string, fallback: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return fallback;
  }
}
