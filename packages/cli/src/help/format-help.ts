import type { Command } from "commander";
import { describeVerb, type OptionDescription, type VerbDescription } from "./describe-verb.ts";

/** Lines that a help may have; where there are more options, rare ones are only named. */
const SCREEN_LINES = 40;
const MAX_WIDTH = 100;
const FLAGS_WIDTH = 24;

/** What is left to `-v` first, where not everything fits. */
const rarest = [
  [
    "--username",
    "--password-stdin",
    "--insecure",
    "--ca-file",
    "--trusted-public-key",
    "--no-check-sigs",
    "--spool",
    "--jobs",
    "--stop-signal",
    "--volume",
  ],
  [
    "--history",
    "--plan",
    "--max-layers",
    "--attach",
    "--include",
    "--config",
    "--check",
    "--no-check",
    "--graph",
  ],
  [
    "--store",
    "--platform",
    "--link",
    "--copy-to-root",
    "--bare",
    "--workdir",
    "--label",
    "--created",
    "--base",
  ],
  ["--previous", "--layering", "--dir", "--add", "--with"],
].flat();

/**
 * A verb's help: examples, what it does, its words. It fits a screen.
 * @param isWhole describes every option, however long that is
 */
export function formatVerbHelp(
  command: Command,
  { width, isWhole }: { readonly width: number; readonly isWhole: boolean },
): string {
  const verb = describeVerb(command);
  const lines = Math.min(width, MAX_WIDTH);
  const hidden = new Set<string>();
  let text = writeVerb(verb, hidden, lines);
  for (const name of isWhole ? [] : rarest) {
    if (text.split("\n").length - 1 <= SCREEN_LINES) break;
    if (!verb.options.some(({ long }) => long === name)) continue;
    hidden.add(name);
    text = writeVerb(verb, hidden, lines);
  }
  return text;
}

function writeVerb(verb: VerbDescription, hidden: ReadonlySet<string>, width: number): string {
  const shown = verb.options.filter(({ long }) => !hidden.has(long));
  const names = verb.options.filter(({ long }) => hidden.has(long)).map(({ long }) => long);
  const more =
    names.length === 0
      ? []
      : ["", ...wrap(`More, with stowage ${verb.name} --help -v: ${names.join(", ")}`, width)];
  return [
    ...verb.examples,
    "",
    ...wrap(verb.about, width),
    "",
    `Usage: ${verb.usage}`,
    ...verb.arguments.flatMap(({ name, description }) => writeRow(name, description, width)),
    "",
    ...shown.flatMap((option) => writeOption(option, width)),
    ...more,
    "",
  ].join("\n");
}

function writeOption({ flags, short, description }: OptionDescription, width: number): string[] {
  return writeRow(short === undefined ? `    ${flags}` : flags, description, width);
}

/** A name and what it is, side by side where there is room. */
function writeRow(name: string, description: string, width: number): string[] {
  const indent = " ".repeat(FLAGS_WIDTH + 4);
  const [first = "", ...rest] = wrap(description, width - indent.length);
  const head = `  ${name}`;
  const isLong = head.length > indent.length - 2;
  const start = isLong ? [head, indent + first] : [head.padEnd(indent.length) + first];
  return [...start, ...rest.map((line) => indent + line)];
}

/** The help of the command itself: what is done most, and all verbs. */
export function formatProgramHelp(program: Command, width: number): string {
  const { examples, about, options } = describeVerb(program);
  const columns = Math.min(width, MAX_WIDTH);
  return [
    ...examples,
    "",
    ...wrap(about, columns),
    "",
    "Usage: stowage <verb> [options] [word...]",
    ...program.commands.flatMap((command) => writeRow(command.name(), command.summary(), columns)),
    ...writeRow("help [verb]", "all about a verb; with -v all its options", columns),
    "",
    "With any verb:",
    ...options.flatMap((option) => writeOption(option, columns)),
    ...writeRow("-h, --help", "print help", columns),
    "",
  ].join("\n");
}

/** Words that fit into lines; a word longer than a line has one for itself. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
