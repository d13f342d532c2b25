import { readFileSync } from "node:fs";
import type { ClosureSource } from "@stowage/core";
import { Option, type Command } from "commander";
import type { Speaker } from "../speaker.ts";
import { UsageError } from "./usage-error.ts";

/** The words of every verb that explains a closure. */
export interface ClosureWords {
  readonly graph?: string;
  readonly store?: string;
  readonly json?: boolean;
}

/** Gives a verb the options that say where its closure comes from. */
export function withClosureOptions(command: Command): Command {
  return command
    .option("--graph <file>", "an exported closure instead of a store, as Nix prints it; - is stdin")
    .option("--store <url>", "store to ask, as Nix names it")
    .option("--json", "print the answer as JSON");
}

/** `--sort`, `--format`, …: one of some words. */
export function choice(
  flags: string,
  description: string,
  choices: readonly string[],
  byDefault: string,
): Option {
  return new Option(flags, description).choices(choices).default(byDefault);
}

/** Where the closure of a verb comes from. */
export function readSource(speaker: Speaker, targets: readonly string[], words: ClosureWords): ClosureSource {
  if (targets.length === 0 && words.graph === undefined) {
    throw new UsageError(
      "no target given",
      "Name a result link or a store path, or an exported closure with --graph.",
    );
  }
  return {
    targets,
    text: words.graph === undefined ? undefined : readTextFile("--graph", words.graph),
    store: words.store,
    signal: speaker.signal,
  };
}

/** A file's text; `-` is stdin. */
export function readTextFile(option: string, path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new UsageError(`${option}: cannot read '${path}': ${reason}`);
  }
}

/** `--limit`, `--depth`: a whole number. */
export function readNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${option}: '${text}' is not a whole number`);
  return Number(text);
}
