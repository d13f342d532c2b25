import { Argument, Command } from "commander";
import { bashCompletion } from "../completion/bash.ts";
import { gatherCompletions } from "../completion/completions.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { exitCodes } from "../exit-codes.ts";
import { writeReference } from "../help/reference.ts";
import type { Speaker } from "../speaker.ts";
import type { Verb } from "./verb.ts";

const writers: Readonly<Record<string, (program: Command) => string>> = {
  bash: (program) => bashCompletion(gatherCompletions(program)),
  zsh: (program) => zshCompletion(gatherCompletions(program)),
  fish: (program) => fishCompletion(gatherCompletions(program)),
  reference: writeReference,
};

export function completionCommand(): Verb {
  const command = new Command("completion")
    .summary("completions for a shell")
    .description(
      "Completions of verbs, options and what options take, as a script for a shell; or all of it as a reference in Markdown.\n\n  source <(stowage completion bash)\n  source <(stowage completion zsh)\n  stowage completion fish | source",
    )
    .addArgument(new Argument("<shell>", "bash, zsh or fish; or reference").choices(Object.keys(writers)));
  return { command, action: (speaker, parsed) => runCompletion(speaker, parsed) };
}

async function runCompletion(speaker: Speaker, parsed: Command): Promise<number> {
  const write = writers[parsed.args[0] ?? ""];
  const program = parsed.parent;
  if (write === undefined || program === null) return exitCodes.usage;
  await speaker.print(write(program));
  return exitCodes.done;
}
