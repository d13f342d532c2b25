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
  /** `file`; undefined for one that takes no value. */
  readonly value: string | undefined;
  readonly choices: readonly string[];
}

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
    options: command.options.map(describeOption),
  };
}

function describeOption(option: Option): OptionDescription {
  const { flags, long, short, description, argChoices = [] } = option;
  const value = /[<[]([^\]>]*)/.exec(flags.replace(/^(?:-., )?--[a-z-]+/, ""))?.[1];
  const isListed = argChoices.every((choice) => description.includes(choice));
  const choices = isListed ? "" : `: ${argChoices.join(", ")}`;
  return {
    flags,
    long: long ?? short ?? flags,
    short,
    description: `${description}${choices}${describeDefault(option)}`,
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
