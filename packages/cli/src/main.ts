#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import type { Action } from "./commands/verb.ts";
import { cacheCommand } from "./commands/cache.ts";
import { checkCommand } from "./commands/check.ts";
import { diffCommand } from "./commands/diff.ts";
import { dupesCommand } from "./commands/dupes.ts";
import { graphCommand } from "./commands/graph.ts";
import { lsCommand } from "./commands/ls.ts";
import { packCommand } from "./commands/pack.ts";
import { planCommand } from "./commands/plan.ts";
import { pushCommand } from "./commands/push.ts";
import { rootsCommand } from "./commands/roots.ts";
import { verifyCommand } from "./commands/verify.ts";
import { whyCommand } from "./commands/why.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { renderError } from "./render/error.ts";
import { makeSpeaker, type GlobalOptions } from "./speaker.ts";

const verbs = [
  packCommand,
  planCommand,
  lsCommand,
  whyCommand,
  diffCommand,
  dupesCommand,
  rootsCommand,
  graphCommand,
  checkCommand,
  verifyCommand,
  cacheCommand,
  pushCommand,
];

function buildProgram(run: (action: Action, command: Command) => Promise<void>): Command {
  const program = new Command("stowage")
    .description("Pack a Nix build into a container image, and explain what is in it.")
    .version(ownVersion(), "--version", "print the version")
    .helpOption("-h, --help", "print help")
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .option("-q, --quiet", "say nothing but errors", false)
    .option("-v, --verbose", "say more; twice: with stack traces", (_: string, times: number) => times + 1, 0)
    .addOption(
      new Option("--color <when>", "colour on a terminal")
        .choices(["auto", "always", "never"])
        .default("auto"),
    )
    .exitOverride();
  for (const verb of verbs) {
    const { command, action } = verb();
    command.exitOverride().action(() => run(action, command));
    program.addCommand(command);
  }
  return program;
}

/** What went wrong first, where cleaning up after it failed too. */
function firstError(error: unknown): unknown {
  return error instanceof SuppressedError ? firstError(error.suppressed) : error;
}

function ownVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return (manifest as { version: string }).version;
}

async function main(): Promise<number> {
  let status: number = exitCodes.done;
  const program = buildProgram(async (action, command) => {
    const speaker = makeSpeaker(command.optsWithGlobals<GlobalOptions>());
    try {
      status = await action(speaker, command);
    } catch (error) {
      const reason: unknown = speaker.signal.aborted ? speaker.signal.reason : firstError(error);
      speaker.fail(reason);
      status = exitCodeOf(reason);
    }
  });
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  }
  return status;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(renderError(error, 0));
  process.exitCode = exitCodeOf(error);
}
