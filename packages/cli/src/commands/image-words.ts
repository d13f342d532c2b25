import type { RegistryAccess } from "@stowage/core";
import type { Command } from "commander";
import { readRegistryAccess, withRegistryOptions, type RegistryWords } from "./registry-words.ts";

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
export async function readImageAccess(words: ImageWords, signal: AbortSignal): Promise<ReadImageAccess> {
  return { platform: words.platform, registry: await readRegistryAccess(words, signal), signal };
}

interface ReadImageAccess {
  readonly platform: string | undefined;
  readonly registry: RegistryAccess;
  readonly signal: AbortSignal;
}
