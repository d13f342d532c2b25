import type { Command } from "commander";
import { describeVerb, type OptionDescription } from "../help/describe-verb.ts";

/** What a shell needs to know to complete the command's words. */
export interface Completions {
  readonly verbs: readonly VerbCompletions[];
  /** Of any verb. */
  readonly global: readonly OptionCompletion[];
}

export interface VerbCompletions {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionCompletion[];
}

export interface OptionCompletion extends Pick<OptionDescription, "long" | "short" | "choices" | "summary"> {
  /** What its value is; `none` for one that takes none. */
  readonly value: "none" | "choice" | "file" | "other";
}

const HELP: OptionCompletion = {
  long: "--help",
  short: "-h",
  choices: [],
  summary: "print help",
  value: "none",
};

/** Gathers the words of all verbs. */
export function gatherCompletions(program: Command): Completions {
  return {
    verbs: program.commands.map((command) => {
      const { name, summary, options } = describeVerb(command);
      return { name, summary, options: options.map(describeOption) };
    }),
    global: [...describeVerb(program).options.map(describeOption), HELP],
  };
}

function describeOption({ long, short, choices, summary, value }: OptionDescription): OptionCompletion {
  if (value === undefined) return { long, short, choices: [], summary, value: "none" };
  const kind = choices.length > 0 ? "choice" : /file|image|budget/.test(value) ? "file" : "other";
  return { long, short, choices, summary, value: kind };
}

/** Both spellings of an option. */
export function spellings({ long, short }: OptionCompletion): string[] {
  return short === undefined ? [long] : [short, long];
}
