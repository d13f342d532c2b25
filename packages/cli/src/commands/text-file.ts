import { readFile } from "node:fs/promises";
import { addAbortSignal } from "node:stream";
import { text } from "node:stream/consumers";
import { unreadable } from "./unreadable.ts";

/** A file's text; `-` is stdin. */
export async function readTextFile(option: string, path: string, signal: AbortSignal): Promise<string> {
  try {
    return path === "-" ? await readStdin(signal) : await readFile(path, { encoding: "utf8", signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw unreadable(option, path, cause);
  }
}

async function readStdin(signal: AbortSignal): Promise<string> {
  return text(addAbortSignal(signal, process.stdin));
}
