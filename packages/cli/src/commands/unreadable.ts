import { UsageError } from "./usage-error.ts";

/** A file that an option names and that cannot be read, with the reason in words where it is one of the usual. */
export function unreadable(option: string, path: string, cause: unknown): UsageError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  return new UsageError(`${option}: cannot read '${path}': ${reasons[code] ?? code}`);
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  ENOTDIR: "it does not exist",
  EISDIR: "it is a directory",
  EACCES: "permission denied",
  EPERM: "permission denied",
};
