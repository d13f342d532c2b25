import { randomBytes } from "node:crypto";
import { closeSync, constants, openSync, unlinkSync, write } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { NixError } from "../errors.ts";

const writeTo = promisify(write);

/** `O_TMPFILE` of open(2), which Node has no name for: what is opened in a folder never has one there. */
const NAMELESS = constants.O_RDWR | 0o20000000 | constants.O_DIRECTORY;
/** How file systems and systems without it answer. */
const unknown = new Set(["ENOTSUP", "EISDIR", "EINVAL"]);

/**
 * A file without a name in the system's temporary folder (`TMPDIR`), for NARs that wait to be read: it is gone with the
 * process, however that ends.
 */
export class NarSpool implements Disposable {
  readonly fd: number;
  #closed = false;

  /** @throws NixError `spool-failed` */
  constructor() {
    this.fd = guard(() => openNameless(tmpdir()));
  }

  /** Writes bytes at a place, all of them. */
  async writeAt(bytes: Uint8Array, position: number): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      const left = bytes.length - written;
      try {
        written += (await writeTo(this.fd, bytes, written, left, position + written)).bytesWritten;
      } catch (cause) {
        throw spoolError(cause);
      }
    }
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.fd);
  }
}

function openNameless(folder: string): number {
  try {
    return openSync(folder, NAMELESS, 0o600);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && unknown.has(String(error.code)))) throw error;
    const path = join(folder, `stowage-nar-${randomBytes(8).toString("hex")}`);
    const fd = openSync(path, "wx+", 0o600);
    unlinkSync(path);
    return fd;
  }
}

function guard<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw spoolError(cause);
  }
}

function spoolError(cause: unknown): NixError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  const reason = code === "ENOSPC" ? "no space is left" : code;
  return new NixError("spool-failed", `downloads cannot be kept in '${tmpdir()}': ${reason}`, {
    path: tmpdir(),
    cause,
    hint: "TMPDIR chooses another folder; it needs room for the largest layers.",
  });
}
