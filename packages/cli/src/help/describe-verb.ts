import type { Command, Option } from "commander";

/** A verb as its definition says, for help, reference and completions alike. */
export interface VerbDescription {
  readonly name: string;
  readonly summary: string;
  readonly about: string;
  /** Command lines. */
  readonly examples: readonly string[];
  /** `stowage ls [options] [target...]`. */
  readonly usage: string;
  readonly arguments: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly OptionDescription[];
}

export interface OptionDescription {
  /** `-o, --output <file>`. */
  readonly flags: string;
  /** `--output`. */
  readonly long: string;
  /** `-o`. */
  readonly short: string | undefined;
  /** With what it may be, and the default. */
  readonly description: string;
  /** What it is in a few words. */
  readonly summary: string;
  /** The same with the default. */
  readonly brief: string;
  /** `file`; undefined for one that takes no value. */
  readonly value: string | undefined;
  readonly choices: readonly string[];
}

/** Where things come from and who may have them, the same for many verbs: told after what is a verb's own. */
const shared = [
  "--graph",
  "--platform",
  "--store",
  "--trusted-public-key",
  "--no-check-sigs",
  "--username",
  "--password-stdin",
  "--insecure",
  "--ca-file",
];

/** A description is a paragraph, and after an empty line examples that are indented. */
export function describeVerb(command: Command): VerbDescription {
  const [about = "", ...rest] = command.description().split("\n\n");
  const examples = rest.flatMap((part) => part.split("\n")).map((line) => line.trim());
  return {
    name: command.name(),
    summary: command.summary(),
    about,
    examples: examples.filter((line) => line !== ""),
    usage: `${command.parent === null ? "" : "stowage "}${command.name()} ${command.usage()}`,
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      description: argument.description,
    })),
    options: command.options
      .map(describeOption)
      .toSorted((a, b) => shared.indexOf(a.long) - shared.indexOf(b.long)),
  };
}

function describeOption(option: Option): OptionDescription {
  const { flags, long, short, description, argChoices = [] } = option;
  const value = /[<[]([^\]>]*)/.exec(flags.replace(/^(?:-., )?--[a-z-]+/, ""))?.[1];
  const isListed = argChoices.every((choice) => description.includes(choice));
  const choices = isListed ? "" : `: ${argChoices.join(", ")}`;
  const whole = `${description}${choices}${describeDefault(option)}`;
  const summary = whole.split(/[;:(]/)[0]?.trim() ?? "";
  // A default's own clauses end at a semicolon.
  const byDefault = /\(default[^;)]*/.exec(whole);
  return {
    flags,
    long: long ?? short ?? flags,
    short,
    description: whole,
    summary,
    brief: byDefault === null ? summary : `${summary} ${byDefault[0]})`,
    value,
    choices: argChoices,
  };
}

/** Where the description does not say it; a switch that is off, and a list that is empty, need no word. */
function describeDefault({ defaultValue, description }: Option): string {
  return typeof defaultValue === "string" && !description.includes("default")
    ? ` (default: ${defaultValue})`
    : "";
}
