import { constants } from "node:os";
import { OciError } from "../errors.ts";

/** What chooses another place for what cannot be written: an option, or a variable. */
type PlaceChoice = "-o" | "TMPDIR";

/** What the system's word means for somebody who wanted a file written; `$` is what chooses another place. */
const reasons: Readonly<Record<string, { readonly why: string; readonly hint: string }>> = {
  ENOSPC: {
    why: "no space is left on the device",
    hint: "Free some space, or choose another place with $.",
  },
  EDQUOT: { why: "the disk quota is used up", hint: "Free some space, or choose another place with $." },
  EFBIG: {
    why: "the file would be larger than allowed",
    hint: "Raise the limit (ulimit -f), or choose another place with $.",
  },
  EACCES: { why: "permission denied", hint: "Choose a place that you may write to, with $." },
  EPERM: { why: "operation not permitted", hint: "Choose a place that you may write to, with $." },
  EROFS: { why: "the file system is read-only", hint: "Choose another place, with $." },
  ENOENT: {
    why: "the folder does not exist",
    hint: "Make the folder first, or choose another place with $.",
  },
  ENOTDIR: { why: "a part of the path is not a folder", hint: "Choose another place, with $." },
  ENAMETOOLONG: { why: "the name is too long", hint: "Choose a shorter one, with $." },
  ELOOP: { why: "its symlinks go round in a circle", hint: "Choose another place, with $." },
  EIO: {
    why: "the device fails",
    hint: "See what the kernel says (dmesg), or choose another place with $.",
  },
  EMFILE: { why: "too many files are open", hint: "Raise the limit (ulimit -n)." },
};

const unusable = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP"]);

const readerGoneCodes = new Set([
  "EPIPE",
  "ECONNRESET",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/** The code of a failed system call or of a stream that is closed; undefined for any other error. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return "syscall" in error || readerGoneCodes.has(error.code) ? nameOf(error.code, error) : undefined;
}

/** libuv has no name for a quota that is used up. */
function nameOf(code: string, error: Error): string {
  return "errno" in error && error.errno === -constants.errno.EDQUOT ? "EDQUOT" : code;
}

/** Turns a failed system call on an output into an {@link OciError}; other errors pass as they are. */
function outputError(error: unknown, path: string, choice: PlaceChoice): unknown {
  const code = systemErrorCode(error);
  return code === undefined ? error : describeFailure(code, error as Error, { path, choice });
}

/**
 * Says what failed in the making of a layer. Reading and writing happen in one place there: only a failed write is
 * about the output, and an error that came from a worker thread may have lost everything but its code.
 */
export function layerWriteError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return error;
  const isWrite = "syscall" in error && error.syscall === "write";
  const code = nameOf(error.code, error);
  return isWrite || diskIsFull.has(code) ? describeFailure(code, error, { path, choice: "-o" }) : error;
}

const diskIsFull = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Runs something that writes, with its system errors turned into {@link OciError}s about `path`. */
export async function withOutputErrors<T>(
  path: string,
  write: () => Promise<T>,
  choice: PlaceChoice = "-o",
): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw outputError(error, path, choice);
  }
}

function describeFailure(
  code: string,
  cause: Error,
  { path, choice }: { readonly path: string; readonly choice: PlaceChoice },
): OciError {
  if (readerGoneCodes.has(code)) return readerGone(path, cause);
  const known = reasons[code];
  return new OciError(
    unusable.has(code) ? "output-unusable" : "output-failed",
    `cannot write ${path}: ${known?.why ?? cause.message}`,
    { path, cause, hint: known?.hint.replace("$", choice) },
  );
}

/** Whoever read the output stopped before its end. */
export function readerGone(path: string, cause?: Error): OciError {
  return new OciError("output-closed", `the reader of ${path} went away before all was written`, {
    path,
    cause,
    hint: "See what the reading program says.",
  });
}
