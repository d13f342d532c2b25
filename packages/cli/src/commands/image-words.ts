import { fstatSync } from "node:fs";
import type { RegistryAccess } from "@stowage/core";
import type { Command } from "commander";
import type { Speaker } from "../speaker.ts";
import { readRegistryAccess, withRegistryOptions, type RegistryWords } from "./registry-words.ts";
import { UsageError } from "./usage-error.ts";

/** The words of every verb that reads an image which may lie in a registry. */
export interface ImageWords extends RegistryWords {
  readonly platform?: string;
}

/** Gives a verb the options that say which image of several is meant, and how its registry is spoken to. */
export function withImageOptions(command: Command): Command {
  return withRegistryOptions(
    command.option("--platform <os/arch>", "which image is meant, where there are several"),
  );
}

/** The same as options of the library. */
export async function readImageAccess(words: ImageWords, speaker: Speaker): Promise<ReadImageAccess> {
  return {
    platform: words.platform,
    registry: await readRegistryAccess(words, speaker),
    signal: speaker.signal,
  };
}

interface ReadImageAccess {
  readonly platform: string | undefined;
  readonly registry: RegistryAccess;
  readonly signal: AbortSignal;
}

/** Whether a word means what comes through a pipe, which can be read once. */
export function isPiped(word: string): boolean {
  return (word === "-" || word === "/dev/stdin") && !fstatSync(0).isFile();
}

/** Where an image is, as a word of the command line; `-` is stdin, where that is a file. */
export function readImageWord(word: string): string {
  if (word === "")
    throw new UsageError("the image's name is empty", "Name an archive or a layout directory.");
  if (word !== "-") return word;
  if (fstatSync(0).isFile()) return "/dev/stdin";
  throw new UsageError(
    "an image is read at many places, which stdin here does not allow",
    "Write it to a file first, and name that.",
  );
}
