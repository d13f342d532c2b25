import type { Command } from "commander";
import { describeVerb, type OptionDescription, type VerbDescription } from "./describe-verb.ts";

/** Lines that a help may have, also where nobody says how large the screen is; where there are more options, rare ones are only named. */
const SCREEN_LINES = 40;
/** Lines that it has in any case. */
const LEAST_LINES = 20;
const MAX_WIDTH = 100;
/** Where what a word is begins, at most; the words that are longer have a line for themselves. */
const MAX_COLUMN = 30;

/** What is left to `-v` first, where not everything fits. */
const rarest = [
  ["--username", "--password-stdin", "--insecure", "--ca-file", "--trusted-public-key", "--no-check-sigs"],
  [
    "--spool",
    "--no-sync",
    "--jobs",
    "--stop-signal",
    "--volume",
    "--annotation",
    "--label",
    "--history",
    "--plan",
  ],
  ["--attach", "--include", "--config", "--check", "--no-check", "--graph", "--bare", "--link", "--created"],
  ["--copy-to-root", "--workdir", "--dir", "--add", "--layering", "--platform", "--dry-run", "--cmd"],
  ["--previous", "--json", "--with", "--user", "--max-layers", "--store", "--base"],
].flat();

/** Where a help is shown. */
export interface Screen {
  readonly width: number;
  /** Undefined where it is no terminal. */
  readonly rows: number | undefined;
}

/**
 * A verb's help: examples, what it does, its words. It fits the screen: a small one has the first examples, what the verb does in
 * short, and a line for each option that there is room for, the others being named.
 * @param isWhole describes every option, however long that is
 */
export function formatVerbHelp(
  command: Command,
  { isWhole, ...screen }: Screen & { readonly isWhole: boolean },
): string {
  const width = Math.min(screen.width, MAX_WIDTH);
  const limit = linesOf(screen);
  const all = describeVerb(command);
  const whole = writeVerb(all, { width });
  const fits = (text: string): boolean => text.split("\n").length - 1 <= limit;
  if (isWhole || fits(whole)) return whole;
  if (limit >= SCREEN_LINES) return writeToFit(all, { width }, fits);
  const verb = briefly(all);
  const shorts = new Map(verb.options.map(({ long }): [string, Short] => [long, "brief"]));
  const isTight = !fits(writeVerb(verb, { width, shorts }));
  return writeToFit(verb, { width, isTight }, fits);
}

/** How much is said of an option that is not described in full. */
type Short = "brief" | "named";

interface Layout {
  readonly width: number;
  /** Of the options that are not described in full. */
  readonly shorts?: ReadonlyMap<string, Short>;
  /** One example, and no empty line that can be done without. */
  readonly isTight?: boolean;
}

function writeToFit(verb: VerbDescription, layout: Layout, fits: (text: string) => boolean): string {
  const names = verb.options.map(({ long }) => long);
  const others = names.filter((name) => !rarest.includes(name)).toReversed();
  const byNeed = [...rarest.filter((name) => names.includes(name)), ...others];
  const shorts = new Map(names.map((name): [string, Short] => [name, "brief"]));
  for (const name of byNeed) {
    if (fits(writeVerb(verb, { ...layout, shorts }))) break;
    shorts.set(name, "named");
  }
  // What room is left goes to those that are needed most.
  for (const name of byNeed.toReversed()) {
    if (shorts.get(name) !== "brief") continue;
    const longer = new Map(shorts);
    longer.delete(name);
    if (fits(writeVerb(verb, { ...layout, shorts: longer }))) shorts.delete(name);
  }
  return writeVerb(verb, { ...layout, shorts });
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

function writeVerb(verb: VerbDescription, { width, shorts, isTight = false }: Layout): string {
  const shown = verb.options.filter(({ long }) => shorts?.get(long) !== "named");
  const names = verb.options.filter(({ long }) => shorts?.get(long) === "named").map(({ long }) => long);
  const options = shown.map((option) => ({
    ...optionRow(option),
    ...(shorts?.get(option.long) === "brief" && { text: option.brief }),
  }));
  const words = verb.arguments.map(({ name, description }): Row => ({ name, text: description }));
  const column = columnOf([...words, ...options], width);
  const gap = isTight ? [] : [""];
  return [
    ...(isTight ? verb.examples.slice(0, 1) : verb.examples),
    "",
    ...wrap(verb.about, width),
    ...gap,
    `Usage: ${verb.usage}`,
    ...writeRows(words, column, width),
    ...gap,
    ...writeRows(options, column, width),
    ...(names.length === 0 ? [] : [...gap, ...wrap(`More, with --help -v: ${names.join(" ")}`, width)]),
    "",
  ].join("\n");
}

function optionRow({ flags, short, description }: OptionDescription): Row {
  return { name: short === undefined ? `    ${flags}` : flags, text: description };
}

interface Row {
  readonly name: string;
  readonly text: string;
}

/** Where what the names are begins: behind the widest that leaves room for it. */
function columnOf(rows: readonly Row[], width: number): number {
  const limit = Math.min(MAX_COLUMN, Math.floor(width * 0.4));
  return Math.max(6, ...rows.map(({ name }) => name.length + 4).filter((length) => length <= limit));
}

/** Names and what they are, side by side where there is room. */
function writeRows(rows: readonly Row[], column: number, width: number): string[] {
  return rows.flatMap(({ name, text }) => {
    const [first = "", ...rest] = wrap(text, width - column).map((line) => " ".repeat(column) + line);
    const head = `  ${name}`;
    return head.length + 2 > column ? [head, first, ...rest] : [head + first.slice(head.length), ...rest];
  });
}

/** The help of the command itself: what is done most, and all verbs. It fits the screen as a verb's does. */
export function formatProgramHelp(program: Command, screen: Screen): string {
  const { examples, about, options } = describeVerb(program);
  const width = Math.min(screen.width, MAX_WIDTH);
  const verbs = [
    ...program.commands.map((command): Row => ({ name: command.name(), text: command.summary() })),
    { name: "help [verb]", text: "all about a verb; with -v all its options" },
  ];
  const words = [...options.map(optionRow), { name: "-h, --help", text: "print help" }];
  const column = columnOf([...verbs, ...words], width);
  const usage = "Usage: stowage <verb> [options] [word...]";
  const fits = (lines: readonly string[]): boolean => lines.length - 1 <= linesOf(screen);
  const whole = [
    ...examples,
    "",
    ...wrap(about, width),
    "",
    usage,
    ...writeRows(verbs, column, width),
    "",
    "With any verb:",
    ...writeRows(words, column, width),
    "",
  ];
  if (fits(whole)) return whole.join("\n");
  const global = wrap(`With any verb: ${[...options.map(({ long }) => long), "--help"].join(" ")}`, width);
  const head = [...examples.slice(0, 1), "", usage];
  const brief = [...head, ...writeRows(verbs, column, width), ...global, ""];
  if (fits(brief)) return brief.join("\n");
  const names = wrap(verbs.map(({ name }) => name).join(", "), width - 2).map((line) => `  ${line}`);
  return [...head, ...names, ...global, ""].join("\n");
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
