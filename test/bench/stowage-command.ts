import { rmSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../support/repository.ts";
import type { Contender } from "./contender.ts";
import type { Subject } from "./subject.ts";

/** The command as users run it. */
export const stowageCommand: readonly string[] = [
  process.execPath,
  join(repository, "packages/cli/bundle/main.js"),
];

/** Where the command that is measured may put things. */
export interface Bench {
  /** For what is written; on the disk that the closures are on. */
  readonly folder: string;
  /** The command's own cache. */
  readonly cache: string;
}

/** Words of `stowage pack` for a subject. */
export function packWords(subject: Subject, ...words: readonly string[]): string[] {
  return [...stowageCommand, "pack", ...subject.words, ...subject.packOptions, "--quiet", ...words];
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
    command: packWords(subject, "-o", output, ...words),
    before: () => forget(bench.cache, output),
  };
}

/** Removes files and folders, which need not be there. */
export function forget(...places: readonly string[]): void {
  for (const place of places) rmSync(place, { recursive: true, force: true });
}
