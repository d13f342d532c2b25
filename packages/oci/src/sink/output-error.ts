import { OciError } from "../errors.ts";

/** What the system's word means for somebody who wanted a file written. */
const reasons: Readonly<Record<string, { readonly why: string; readonly hint: string }>> = {
  ENOSPC: { why: "no space is left on the device", hint: "Free some space, or write elsewhere with -o." },
  EDQUOT: { why: "the disk quota is used up", hint: "Free some space, or write elsewhere with -o." },
  EFBIG: {
    why: "the file would be larger than allowed",
    hint: "Raise the limit (ulimit -f), or write elsewhere with -o.",
  },
  EACCES: { why: "permission denied", hint: "Write to a place you may write to, with -o." },
  EPERM: { why: "operation not permitted", hint: "Write to a place you may write to, with -o." },
  EROFS: { why: "the file system is read-only", hint: "Write to another place, with -o." },
  ENOENT: { why: "the folder does not exist", hint: "Make the folder first, or write elsewhere with -o." },
  ENOTDIR: { why: "a part of the path is not a folder", hint: "Write to another place, with -o." },
  ENAMETOOLONG: { why: "the name is too long", hint: "Choose a shorter one, with -o." },
  ELOOP: { why: "its symlinks go round in a circle", hint: "Write to another place, with -o." },
  EMFILE: { why: "too many files are open", hint: "Raise the limit (ulimit -n)." },
};

const unusable = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP"]);

/** Turns a failed system call on an output into an {@link OciError}; other errors pass as they are. */
function outputError(error: unknown, path: string): unknown {
  if (!isSystemError(error)) return error;
  if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED" || error.code === "ECONNRESET") {
    return new OciError("output-closed", `the reader of ${path} went away before the image was complete`, {
      path,
      cause: error,
      hint: "See what the reading program says.",
    });
  }
  const known = reasons[error.code];
  return new OciError(
    unusable.has(error.code) ? "output-unusable" : "output-failed",
    `cannot write ${path}: ${known?.why ?? error.message}`,
    { path, cause: error, hint: known?.hint },
  );
}

/** Runs something that writes, with its system errors turned into {@link OciError}s about `path`. */
export async function withOutputErrors<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw outputError(error, path);
  }
}

function isSystemError(
  error: unknown,
): error is Error & { readonly code: string; readonly syscall?: string } {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return false;
  return "syscall" in error || error.code === "ERR_STREAM_DESTROYED";
}
