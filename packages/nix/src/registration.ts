import { NixError } from "./errors.ts";
import { parseNarHash } from "./nar-hash.ts";
import type { PathInfo } from "./path-info.ts";
import { parseStorePath, sortStorePaths, type StorePath } from "./store-path.ts";

/**
 * Reads what `nix-store --dump-db` prints (Nix 2.8 to 2.34): for each path its name, its hash in base 16, its NAR
 * size, its deriver or an empty line, the number of references, and the references, each on a line.
 * @throws NixError `format-invalid` with the line's number
 */
export function parseRegistration(text: string, storeDir: string): PathInfo[] {
  const lines = new Lines(text, storeDir);
  const infos: PathInfo[] = [];
  while (!lines.atEnd()) infos.push(readInfo(lines));
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
  const lines = new Lines(text, storeDir);
  const infos: Omit<PathInfo, "narHash" | "narSize">[] = [];
  while (!lines.atEnd()) {
    const path = lines.readPath("a store path");
    infos.push({ path, ...readReferences(lines) });
  }
  return infos;
}

function readInfo(lines: Lines): PathInfo {
  const path = lines.readPath("a store path");
  const narHash = lines.read("a hash", parseNarHash);
  const narSize = lines.read("a NAR size", parseCount);
  return { path, narHash, narSize, ...readReferences(lines) };
}

function readReferences(lines: Lines): Pick<PathInfo, "references" | "deriver"> {
  const deriver = lines.read("a deriver or nothing", (line) =>
    line === "" ? undefined : parseStorePath(line, lines.storeDir),
  );
  const count = lines.read("a number of references", parseCount);
  const references: StorePath[] = [];
  while (references.length < count) references.push(lines.readPath("a reference"));
  return {
    references: sortStorePaths(references),
    ...(deriver === undefined ? {} : { deriver }),
  };
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(count))
    throw new NixError("format-invalid", `'${text}' is not a number`);
  return count;
}

/** Lines with their numbers, taken from the text one by one. */
class Lines {
  readonly storeDir: string;
  readonly #text: string;
  #at = 0;
  #number = 0;
  /** A path stands once for itself and once in each referrer: it is checked once, and is one string everywhere. */
  readonly #paths = new Map<string, StorePath>();

  constructor(text: string, storeDir: string) {
    this.#text = text;
    this.storeDir = storeDir;
  }

  atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  readPath(what: string): StorePath {
    const line = this.#next(what);
    const known = this.#paths.get(line);
    if (known !== undefined) return known;
    const path = this.#parse(what, line, (text) => parseStorePath(text, this.storeDir));
    this.#paths.set(line, path);
    return path;
  }

  read<T>(what: string, parse: (line: string) => T): T {
    return this.#parse(what, this.#next(what), parse);
  }

  #next(what: string): string {
    this.#number++;
    if (this.atEnd()) throw this.#invalid(what, "the text ends");
    const end = this.#text.indexOf("\n", this.#at);
    const line = this.#text.slice(this.#at, end === -1 ? undefined : end);
    this.#at = end === -1 ? this.#text.length : end + 1;
    return line;
  }

  #parse<T>(what: string, line: string, parse: (line: string) => T): T {
    try {
      return parse(line);
    } catch (cause) {
      throw this.#invalid(what, cause instanceof Error ? cause.message : String(cause), cause);
    }
  }

  #invalid(what: string, reason: string, cause?: unknown): NixError {
    const message = `registration text, line ${this.#number}: ${what} is expected, but ${reason}`;
    return new NixError("format-invalid", message, {
      cause,
      hint: "Give what nix-store --dump-db prints, or what exportReferencesGraph wrote, whole.",
    });
  }
}
