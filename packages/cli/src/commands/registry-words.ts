import type { RegistryAccess } from "@stowage/core";
import type { Command } from "commander";
import { retryTeller } from "../retry-teller.ts";
import type { Speaker } from "../speaker.ts";
import { readTextFile } from "./text-file.ts";
import { UsageError } from "./usage-error.ts";

/** The words of every verb that speaks to registries. */
export interface RegistryWords {
  readonly username?: string;
  readonly passwordStdin?: boolean;
  readonly insecure: readonly string[];
  readonly caFile?: string;
}

/** Gives a verb the options that say how registries are spoken to. */
export function withRegistryOptions(command: Command): Command {
  return command
    .option(
      "--username <name>",
      "who logs in to the registry (default: what docker login or podman login left)",
    )
    .option("--password-stdin", "read the password from stdin")
    .option(
      "--insecure <registry>",
      "a registry that may have any certificate or none; may be repeated",
      (registry: string, before: string[]) => [...before, registry],
      [],
    )
    .option("--ca-file <file>", "certificates to trust beside the usual ones, in PEM");
}

/** How registries are spoken to. A password comes from stdin only: what is on a command line is seen by everybody. */
export async function readRegistryAccess(words: RegistryWords, speaker: Speaker): Promise<RegistryAccess> {
  const { username, passwordStdin = false, insecure, caFile } = words;
  if (passwordStdin !== (username !== undefined)) {
    throw new UsageError(
      "--username and --password-stdin go together",
      'echo "$PASSWORD" | stowage … --username NAME --password-stdin',
    );
  }
  const access = { insecure, caFile, onRetry: retryTeller(speaker) };
  if (!passwordStdin) return access;
  const password = (await readTextFile("--password-stdin", "-", speaker.signal)).replace(/\r?\n$/, "");
  if (password === "") throw new UsageError("--password-stdin: the password is empty");
  return { ...access, username, password };
}

/** For a closure and a password that would both be read there. */
export function stdinWantedTwice(): UsageError {
  return new UsageError("--graph - and --password-stdin both want stdin", "Give the closure as a file.");
}
