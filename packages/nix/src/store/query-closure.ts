import { stat } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { NixError } from "../errors.ts";
import { makeClosure } from "../make-closure.ts";
import type { Closure, PathInfo } from "../path-info.ts";
import { parseRegistration } from "../registration.ts";
import type { StorePath } from "../store-path.ts";
import { batchArguments, runNixStore, type NixStoreOptions } from "./nix-store-command.ts";
import type { StoreLocation } from "./store-location.ts";

/** A closure that is not listed after so long is a large one: of about 2,000 paths. */
const LARGE_MILLISECONDS = 50;

/** A database of so many bytes, some 1,500 paths, is printed whole before `nix-store` has started twice (50 ms each). */
const SMALL_DATABASE_BYTES = 1_000_000;

/**
 * All that the roots need, by two calls of `nix-store` however many paths there are: `--query --requisites` lists
 * them, `--dump-db` says what they are. A small database is printed whole, by one call.
 *
 * Of a large closure the list is the slower part, and the whole database may be read in less time than it takes:
 * 12,000 paths are listed in 0.4 s and said in another 0.4 s, while a database of 12,000 is printed whole in 0.2 s.
 * Which is faster depends on what else the store holds, so that both are tried side by side; the first answer ends the
 * other. Only the list's failure counts: the database as a whole may hold what is collected meanwhile.
 *
 * @throws NixError `path-invalid`, `nix-missing`, `store-unavailable`, `nix-failed`, `format-invalid`
 */
export async function queryClosure(
  roots: readonly StorePath[],
  location: StoreLocation,
  options: NixStoreOptions,
): Promise<Closure> {
  if (await isSmall(location.database)) {
    try {
      return await new Query(roots, location, options).findInWhole();
    } catch {
      options.signal?.throwIfAborted();
    }
  }
  return queryBothWays(roots, location, options);
}

async function isSmall(database: string | undefined): Promise<boolean> {
  const stats = database === undefined ? undefined : await stat(database).catch(() => undefined);
  return stats !== undefined && stats.size > 0 && stats.size <= SMALL_DATABASE_BYTES;
}

async function queryBothWays(
  roots: readonly StorePath[],
  location: StoreLocation,
  options: NixStoreOptions,
): Promise<Closure> {
  const answered = new AbortController();
  const { signal } = options;
  const query = new Query(roots, location, {
    environment: options.environment,
    signal: signal === undefined ? answered.signal : AbortSignal.any([signal, answered.signal]),
  });
  const listed = query.list();
  const found = setTimeout(LARGE_MILLISECONDS, undefined, { signal: answered.signal })
    .then(() => query.findInWhole())
    .catch(() => listed);
  try {
    return await Promise.race([listed, found]);
  } finally {
    answered.abort();
    // No process outlives the call.
    await Promise.allSettled([listed, found]);
    signal?.throwIfAborted();
  }
}

class Query {
  readonly #roots: readonly StorePath[];
  readonly #location: StoreLocation;
  readonly #options: NixStoreOptions;

  constructor(roots: readonly StorePath[], location: StoreLocation, options: NixStoreOptions) {
    this.#roots = roots;
    this.#location = location;
    this.#options = options;
  }

  async list(): Promise<Closure> {
    const list = await this.#ask(["--query", "--requisites"], this.#roots);
    const requisites = [...new Set(list.split("\n").filter((line) => line !== ""))];
    const registration = await this.#ask(["--dump-db"], requisites);
    const { storeDir } = this.#location;
    return makeClosure(storeDir, this.#roots, parseRegistration(registration, storeDir));
  }

  async findInWhole(): Promise<Closure> {
    const { storeDir } = this.#location;
    const registration = await this.#run(["--dump-db"]);
    const infos = parseRegistration(registration, storeDir);
    return makeClosure(storeDir, this.#roots, requisitesAmong(infos, this.#roots));
  }

  /** As many calls as the arguments need. */
  async #ask(words: readonly string[], paths: readonly string[]): Promise<string> {
    const answers: string[] = [];
    for (const batch of batchArguments(paths)) answers.push(await this.#run([...words, ...batch]));
    return answers.join("\n");
  }

  #run(words: readonly string[]): Promise<string> {
    return runNixStore([...this.#location.arguments, ...words], { ...this.#options, onlyReads: true });
  }
}

function requisitesAmong(infos: readonly PathInfo[], roots: readonly StorePath[]): PathInfo[] {
  const byPath = new Map(infos.map((info) => [info.path, info]));
  const needed = new Set(roots);
  // The set grows while it is walked.
  for (const path of needed) {
    const info = byPath.get(path);
    if (info === undefined) throw new NixError("path-invalid", `${path} is not in the database`, { path });
    for (const reference of info.references) needed.add(reference);
  }
  return infos.filter(({ path }) => needed.has(path));
}
