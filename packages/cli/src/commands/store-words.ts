import type { StoreAccess } from "@stowage/core";
import type { Command } from "commander";
import type { Speaker } from "../speaker.ts";

/** The words of every verb that asks stores. */
export interface StoreWords {
  readonly store: readonly string[];
  readonly trustedPublicKey: readonly string[];
  readonly checkSigs: boolean;
}

/** Gives a verb the options that say which stores are asked, and whose word counts. */
export function withStoreOptions(command: Command): Command {
  const collect = (value: string, before: readonly string[]): string[] => [...before, value];
  return command
    .option(
      "--store <url>",
      "store or binary cache; as Nix names it, or file:///folder, https://host; may be repeated, asked in order (default: as Nix is set up)",
      collect,
      [],
    )
    .option(
      "--trusted-public-key <key>",
      "key that signs for a binary cache; NAME:KEY, beside those of nix.conf; may be repeated",
      collect,
      [],
    )
    .option("--no-check-sigs", "take what any binary cache says, signed or not");
}

/** Which stores are asked; says aloud what is given up, and what was wrong in one of them and is taken from another. */
export function readStoreAccess(
  { store, trustedPublicKey, checkSigs }: StoreWords,
  speaker: Speaker,
): StoreAccess {
  if (!checkSigs) {
    speaker.warn(
      "--no-check-sigs: nobody vouches for what a binary cache says; whoever runs it, or carries it, decides what is in the image",
    );
  }
  return {
    ...(store.length === 0 ? {} : { store }),
    trustedPublicKeys: trustedPublicKey,
    checkSignatures: checkSigs,
    onReplaced: (notice) => speaker.warn(notice),
  };
}
