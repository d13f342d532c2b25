import type { ClosureSource, RegistryAccess } from "@stowage/core";
import { Option, type Command } from "commander";
import type { Speaker } from "../speaker.ts";
import { readImageAccess, withImageOptions, type ImageWords } from "./image-words.ts";
import { stdinWantedTwice } from "./registry-words.ts";
import { showReading } from "./show-reading.ts";
import { readStoreAccess, withStoreOptions, type StoreWords } from "./store-words.ts";
import { readTextFile } from "./text-file.ts";
import { UsageError } from "./usage-error.ts";

/** The words of every verb that explains a closure. */
export interface ClosureWords extends ImageWords, StoreWords {
  readonly graph?: string;
  readonly json?: boolean;
}

/** Gives a verb the options that say where its closure comes from, and how it is answered. */
export function withClosureOptions(command: Command): Command {
  return withImageOptions(withGraphOption(command).option("--json", "print the answer as JSON"));
}

/** Gives a verb the options that say where its closure comes from. */
export function withSourceOptions(command: Command): Command {
  return withImageOptions(withGraphOption(command));
}

function withGraphOption(command: Command): Command {
  return withStoreOptions(command).option(
    "--graph <file>",
    "an exported closure instead of a store, as Nix prints it; - is stdin",
  );
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
export interface CommandSource extends ClosureSource {
  readonly registry: RegistryAccess;
}

export async function readSource(
  speaker: Speaker,
  targets: readonly string[],
  words: ClosureWords,
): Promise<CommandSource> {
  if (targets.length === 0 && words.graph === undefined) {
    throw new UsageError(
      "no target given",
      "Name a result link or a store path, or an exported closure with --graph.",
    );
  }
  if (words.graph === "-" && words.passwordStdin) throw stdinWantedTwice();
  return {
    targets,
    text: words.graph === undefined ? undefined : await readTextFile("--graph", words.graph, speaker.signal),
    onProgress: showReading(speaker),
    ...readStoreAccess(words, speaker),
    ...(await readImageAccess(words, speaker)),
  };
}

/** `--limit`, `--depth`: a whole number. */
export function readNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${option}: '${text}' is not a whole number`);
  return Number(text);
}
