import { NixError } from "./errors.ts";
import { parseNarHash } from "./nar-hash.ts";
import type { PathInfo } from "./path-info.ts";
import { compareStorePaths, parseStorePath, type StorePath } from "./store-path.ts";

/**
 * Reads what `nix-store --dump-db` prints (Nix 2.8 to 2.34): for each path its name, its hash in base 16, its NAR
 * size, its deriver or an empty line, the number of references, and the references, each on a line.
 * @throws NixError `format-invalid` with the line's number
 */
export function parseRegistration(text: string, storeDir: string): PathInfo[] {
  const lines = new Lines(text);
  const infos: PathInfo[] = [];
  while (!lines.atEnd()) infos.push(readInfo(lines, storeDir));
  return infos;
}

/**
 * Reads registration text without hashes and sizes, as `nix-store --register-validity` takes it and
 * `exportReferencesGraph` writes it (Nix 2.8 to 2.34): for each path its name, its deriver or an empty line, the number
 * of references, and the references, each on a line.
 * @throws NixError `format-invalid` with the line's number
 */
export function parseShortRegistration(
  text: string,
  storeDir: string,
): Omit<PathInfo, "narHash" | "narSize">[] {
  const lines = new Lines(text);
  const infos: Omit<PathInfo, "narHash" | "narSize">[] = [];
  while (!lines.atEnd()) {
    const path = lines.read("a store path", (line) => parseStorePath(line, storeDir));
    infos.push({ path, ...readReferences(lines, storeDir) });
  }
  return infos;
}

function readInfo(lines: Lines, storeDir: string): PathInfo {
  const path = lines.read("a store path", (line) => parseStorePath(line, storeDir));
  const narHash = lines.read("a hash", parseNarHash);
  const narSize = lines.read("a NAR size", parseCount);
  return { path, narHash, narSize, ...readReferences(lines, storeDir) };
}

function readReferences(lines: Lines, storeDir: string): Pick<PathInfo, "references" | "deriver"> {
  const deriver = lines.read("a deriver or nothing", (line) =>
    line === "" ? undefined : parseStorePath(line, storeDir),
  );
  const count = lines.read("a number of references", parseCount);
  const references: StorePath[] = [];
  while (references.length < count)
    references.push(lines.read("a reference", (line) => parseStorePath(line, storeDir)));
  return {
    references: [...new Set(references)].toSorted(compareStorePaths),
    ...(deriver === undefined ? {} : { deriver }),
  };
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(count))
    throw new NixError("format-invalid", `'${text}' is not a number`);
  return count;
}

/** Lines with their numbers. */
class Lines {
  readonly #lines: readonly string[];
  #next = 0;

  constructor(text: string) {
    const lines = text.split("\n");
    this.#lines = lines.at(-1) === "" ? lines.slice(0, -1) : lines;
  }

  atEnd(): boolean {
    return this.#next >= this.#lines.length;
  }

  read<T>(what: string, parse: (line: string) => T): T {
    const line = this.#lines[this.#next++];
    if (line === undefined) throw this.#invalid(what, "the text ends");
    try {
      return parse(line);
    } catch (cause) {
      throw this.#invalid(what, cause instanceof Error ? cause.message : String(cause), cause);
    }
  }

  #invalid(what: string, reason: string, cause?: unknown): NixError {
    const message = `registration text, line ${this.#next}: ${what} is expected, but ${reason}`;
    return new NixError("format-invalid", message, {
      cause,
      hint: "Give what nix-store --dump-db prints, or what exportReferencesGraph wrote, whole.",
    });
  }
}
