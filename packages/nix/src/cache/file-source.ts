import { open, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { NixError } from "../errors.ts";
import { readSomeOf } from "../tree/read-some.ts";
import type { CacheAnswer, CacheSource } from "./cache-source.ts";

const READ_BYTES = 256 * 1024;

/** A binary cache in a folder (`file:///dir`). */
export class FileSource implements CacheSource {
  readonly name: string;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.name = `file://${folder}`;
  }

  async get(name: string, signal: AbortSignal | undefined): Promise<CacheAnswer> {
    signal?.throwIfAborted();
    const path = await this.#find(name);
    if (path === undefined) return { bytes: undefined };
    return { bytes: this.#read(path, signal) };
  }

  async #find(name: string): Promise<string | undefined> {
    if (isOutside(name)) throw leads(this.name, name);
    try {
      const [folder, path] = await Promise.all([realpath(this.#folder), realpath(join(this.#folder, name))]);
      if (!path.startsWith(folder === "/" ? "/" : `${folder}/`)) throw leads(this.name, name);
      // Anything else, a FIFO for instance, might never end.
      if (!(await stat(path)).isFile()) throw failed(this.name, `'${name}' is no file`);
      return path;
    } catch (cause) {
      if (cause instanceof NixError) throw cause;
      if (["ENOENT", "ENOTDIR"].includes(codeOf(cause))) return undefined;
      throw unreadable(this.name, `'${name}'`, cause);
    }
  }

  async *#read(path: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    try {
      await using file = await open(path);
      for (;;) {
        signal?.throwIfAborted();
        // Whoever takes a chunk may keep it.
        const buffer = Buffer.allocUnsafe(READ_BYTES);
        const length = await readSomeOf(file, buffer);
        if (length === 0) return;
        yield buffer.subarray(0, length);
      }
    } catch (cause) {
      signal?.throwIfAborted();
      throw unreadable(this.name, `'${path}' cannot be read`, cause);
    }
  }
}

/** Whether a relative name leads out of where it starts, or is none. */
function isOutside(name: string): boolean {
  const parts = name.split("/");
  return name.includes("\0") || parts.some((part) => part === "" || part === "." || part === "..");
}

/** A name that leads out of its cache. */
export function leads(cache: string, name: string): NixError {
  return new NixError("cache-corrupted", `${cache}: '${name}' leads out of the cache`, {
    path: cache,
    hint: "No cache that Nix writes has such a URL; take another one.",
  });
}

function failed(cache: string, reason: string): NixError {
  return new NixError("cache-failed", `${cache}: ${reason}`, {
    path: cache,
    hint: "No cache that Nix writes holds such a thing; take another one.",
  });
}

function unreadable(cache: string, what: string, cause: unknown): NixError {
  const code = codeOf(cause);
  const isForbidden = code === "EACCES" || code === "EPERM";
  const hint = isForbidden
    ? "Run as a user who may read it, or take another cache."
    : "The disk or the system fails here: see what the kernel says (dmesg), or take another cache.";
  return new NixError("cache-failed", `${cache}: ${what}: ${isForbidden ? "permission denied" : code}`, {
    path: cache,
    cause,
    hint,
  });
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
}
