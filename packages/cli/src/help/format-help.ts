import type { Command } from "commander";
import { describeVerb, type OptionDescription, type VerbDescription } from "./describe-verb.ts";

/** Lines that a help may have, also where nobody says how large the screen is; where there are more options, rare ones are only named. */
const SCREEN_LINES = 40;
/** Lines that it has in any case. */
const LEAST_LINES = 20;
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

/** Where a help is shown. */
export interface Screen {
  readonly width: number;
  /** Undefined where it is no terminal. */
  readonly rows: number | undefined;
}

/**
 * A verb's help: examples, what it does, its words. It fits the screen: a small one has the first examples, what the verb does in
 * short, and of as many options as there is room for what they are.
 * @param isWhole describes every option, however long that is
 */
export function formatVerbHelp(
  command: Command,
  { isWhole, ...screen }: Screen & { readonly isWhole: boolean },
): string {
  const width = Math.min(screen.width, MAX_WIDTH);
  const limit = linesOf(screen);
  const all = describeVerb(command);
  if (isWhole) return writeVerb(all, new Set(), width);
  const verb = limit < SCREEN_LINES ? briefly(all) : all;
  const others = verb.options.map(({ long }) => long).filter((name) => !rarest.includes(name));
  const hidden = new Set<string>();
  let text = writeVerb(verb, hidden, width);
  for (const name of [...rarest, ...others.toReversed()]) {
    if (text.split("\n").length - 1 <= limit) break;
    if (!verb.options.some(({ long }) => long === name)) continue;
    hidden.add(name);
    text = writeVerb(verb, hidden, width);
  }
  return text;
}

/** Lines that a help may have on a screen, the prompt's own left out. */
function linesOf({ rows = SCREEN_LINES + 1 }: Screen): number {
  return Math.min(SCREEN_LINES, Math.max(LEAST_LINES, rows - 1));
}

const BRIEF_EXAMPLES = 2;

/** What a verb does up to the first colon or full stop, and its first examples. */
function briefly(verb: VerbDescription): VerbDescription {
  const [about = ""] = verb.about.split(/[:.](?: |$)/);
  return { ...verb, about: `${about}.`, examples: verb.examples.slice(0, BRIEF_EXAMPLES) };
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

/** The help of the command itself: what is done most, and all verbs. It fits the screen as a verb's does. */
export function formatProgramHelp(program: Command, screen: Screen): string {
  const { examples, about, options } = describeVerb(program);
  const columns = Math.min(screen.width, MAX_WIDTH);
  const verbs = [
    "Usage: stowage <verb> [options] [word...]",
    ...program.commands.flatMap((command) => writeRow(command.name(), command.summary(), columns)),
    ...writeRow("help [verb]", "all about a verb; with -v all its options", columns),
  ];
  const whole = [
    ...examples,
    "",
    ...wrap(about, columns),
    "",
    ...verbs,
    "",
    "With any verb:",
    ...options.flatMap((option) => writeOption(option, columns)),
    ...writeRow("-h, --help", "print help", columns),
    "",
  ];
  const limit = linesOf(screen);
  if (whole.length - 1 <= limit) return whole.join("\n");
  const names = [...options.map(({ long }) => long), "--help"].join(", ");
  return [...examples.slice(0, 1), "", ...verbs, ...wrap(`With any verb: ${names}`, columns), ""].join("\n");
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
