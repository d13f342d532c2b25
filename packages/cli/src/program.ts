import { Command, CommanderError, Option } from "commander";
import type { Action, Verb } from "./commands/verb.ts";
import { formatProgramHelp, formatVerbHelp } from "./help/format-help.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { makeSpeaker, type GlobalOptions } from "./speaker.ts";
import { letStderrFail, printAll } from "./stdout.ts";

/** Verbs by name, in the order of the help; each is loaded when it is named, all where the help wants them. */
const verbs: Readonly<Record<string, () => Promise<() => Verb>>> = {
  pack: async () => (await import("./commands/pack.ts")).packCommand,
  plan: async () => (await import("./commands/plan.ts")).planCommand,
  ls: async () => (await import("./commands/ls.ts")).lsCommand,
  browse: async () => (await import("./commands/browse.ts")).browseCommand,
  why: async () => (await import("./commands/why.ts")).whyCommand,
  diff: async () => (await import("./commands/diff.ts")).diffCommand,
  dupes: async () => (await import("./commands/dupes.ts")).dupesCommand,
  roots: async () => (await import("./commands/roots.ts")).rootsCommand,
  graph: async () => (await import("./commands/graph.ts")).graphCommand,
  report: async () => (await import("./commands/report.ts")).reportCommand,
  check: async () => (await import("./commands/check.ts")).checkCommand,
  sbom: async () => (await import("./commands/sbom.ts")).sbomCommand,
  inspect: async () => (await import("./commands/inspect.ts")).inspectCommand,
  verify: async () => (await import("./commands/verify.ts")).verifyCommand,
  cache: async () => (await import("./commands/cache.ts")).cacheCommand,
  push: async () => (await import("./commands/push.ts")).pushCommand,
  index: async () => (await import("./commands/index.ts")).indexCommand,
  completion: async () => (await import("./commands/completion.ts")).completionCommand,
};

/** Runs the command with these words, and gives its exit status. */
export async function runProgram(words: readonly string[], version: string): Promise<number> {
  letStderrFail();
  let status: number = exitCodes.done;
  const isWhole = words.includes("-v") || words.includes("--verbose");
  const help: Promise<void>[] = [];
  const print = (text: string): void => void help.push(printAll(text));
  const settings = { version, isWhole, print };
  const program = buildProgram(settings, await loadVerbs(words), async (action, command) => {
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
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    status = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  }
  await Promise.all(help);
  return status;
}

async function loadVerbs(words: readonly string[]): Promise<Verb[]> {
  const first = words.find((word, index) => !word.startsWith("-") && words[index - 1] !== "--color");
  const named = first !== undefined && Object.hasOwn(verbs, first) ? verbs[first] : undefined;
  // Completions are of all verbs.
  const loaders = named === undefined || first === "completion" ? Object.values(verbs) : [named];
  return Promise.all(loaders.map(async (load) => (await load())()));
}

interface ProgramSettings {
  readonly version: string;
  /** Whether help tells of every option. */
  readonly isWhole: boolean;
  /** Takes what help and the like print. */
  readonly print: (text: string) => void;
}

function buildProgram(
  { version, isWhole, print }: ProgramSettings,
  loaded: readonly Verb[],
  run: (action: Action, command: Command) => Promise<void>,
): Command {
  const program = new Command("stowage")
    .description(
      "Pack a Nix build into a container image, and explain what is in it.\n\n  stowage pack result && docker load -i app.tar\n  stowage ls result --limit 10\n  stowage help pack",
    )
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print help")
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: print,
      outputError: (text, write) => write(text.replace(/^error: /, "stowage: ")),
    })
    .configureHelp({
      formatHelp: (command, { helpWidth: width = 80 }) => {
        // A terminal that does not know its height says 0.
        const screen = { width, rows: process.stdout.rows || undefined };
        return command.parent === null
          ? formatProgramHelp(command, screen)
          : formatVerbHelp(command, { ...screen, isWhole });
      },
    })
    .option("-q, --quiet", "say nothing but errors", false)
    .option("-v, --verbose", "say more; twice: with stack traces", (_: string, times: number) => times + 1, 0)
    .addOption(
      new Option("--color <when>", "colour on a terminal")
        .choices(["auto", "always", "never"])
        .default("auto"),
    )
    .exitOverride();
  for (const { command, action } of loaded) {
    command.copyInheritedSettings(program).action(() => run(action, command));
    program.addCommand(command);
  }
  return program;
}

/** What went wrong first, where cleaning up after it failed too. Node 22 has no class for it, only the name. */
function firstError(error: unknown): unknown {
  const isSuppressing = error instanceof Error && error.name === "SuppressedError" && "suppressed" in error;
  return isSuppressing ? firstError(error.suppressed) : error;
}
