import type { Command } from "commander";
import { describeVerb, type VerbDescription } from "./describe-verb.ts";

/** Every verb with all its words, as Markdown: what `REFERENCE.md` is. */
export function writeReference(program: Command): string {
  const verbs = program.commands.map(describeVerb);
  const global = describeVerb(program);
  const parts = [
    "# Every verb and option",
    "Made by `stowage completion reference` from the definitions that the command goes by.",
    ["With any verb:", "", ...writeOptions(global), "- `-h, --help`: print help"].join("\n"),
    ...verbs.map(writeVerb),
  ];
  return `${parts.join("\n\n")}\n`;
}

function writeVerb(verb: VerbDescription): string {
  const words = verb.arguments.map(({ name, description }) => `- \`${name}\`: ${escape(description)}`);
  const examples = verb.examples.length === 0 ? [] : [["```sh", ...verb.examples, "```"].join("\n")];
  const list = [...words, ...writeOptions(verb)];
  return [
    `## ${verb.name}`,
    ...examples,
    escape(verb.about),
    `\`${verb.usage}\``,
    ...(list.length === 0 ? [] : [list.join("\n")]),
  ].join("\n\n");
}

function writeOptions({ options }: VerbDescription): string[] {
  return options.map(({ flags, description }) => `- \`${flags}\`: ${escape(description)}`);
}

/** What Markdown would take for more than text. */
function escape(text: string): string {
  return text.replaceAll(/[\\*_<>`[\]]/g, String.raw`\$&`);
}
