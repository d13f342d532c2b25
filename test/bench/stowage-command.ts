import { rmSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../support/repository.ts";
import { stowageWords } from "../support/stowage.ts";
import type { Contender } from "./contender.ts";
import type { Subject } from "./subject.ts";

/** Where the command that is measured comes from, and where it may put things. */
export interface Bench {
  /** Words that start it: compiled, as users run it, or from source. */
  readonly stowage: readonly string[];
  /** Words before a program that uses the packages: their builds, or their sources. */
  readonly node: readonly string[];
  /** For what is written; on the disk that the closures are on. */
  readonly folder: string;
  /** The command's own cache. */
  readonly cache: string;
}

export function benchWords(fromSource: boolean): Pick<Bench, "stowage" | "node"> {
  return fromSource
    ? { stowage: stowageWords, node: [process.execPath, "--conditions=@stowage/source"] }
    : {
        stowage: [process.execPath, join(repository, "packages/cli/dist/main.js")],
        node: [process.execPath],
      };
}

/** Words of `stowage pack` for a subject. */
export function packWords(bench: Bench, subject: Subject, ...words: readonly string[]): string[] {
  return [...bench.stowage, "pack", ...subject.words, ...subject.packOptions, "--quiet", ...words];
}

/** A pack of which nothing is known: no digest is remembered and no output is there. */
export function coldPack(
  bench: Bench,
  subject: Subject,
  {
    name,
    output,
    words,
  }: { readonly name: string; readonly output: string; readonly words: readonly string[] },
): Contender {
  return {
    name,
    command: packWords(bench, subject, "-o", output, ...words),
    before: () => forget(bench.cache, output),
  };
}

/** Removes files and folders, which need not be there. */
export function forget(...places: readonly string[]): void {
  for (const place of places) rmSync(place, { recursive: true, force: true });
}
