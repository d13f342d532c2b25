import type { Completions, OptionCompletion } from "./completions.ts";

/** A script for fish: `stowage completion fish | source`. */
export function fishCompletion({ verbs, global }: Completions): string {
  const lines = [
    functions,
    `complete -c stowage -f -n __stowage_verb_is -a help -d ${quote("all about a verb")}`,
    `complete -c stowage -n __stowage_verb_is -l version -d ${quote("print the version")}`,
    ...verbs.map(
      ({ name, summary }) => `complete -c stowage -f -n __stowage_verb_is -a ${name} -d ${quote(summary)}`,
    ),
    `complete -c stowage -f -n ${quote("__stowage_verb_is help")} -a ${quote(verbs.map(({ name }) => name).join(" "))}`,
    ...global.map((option) => `complete -c stowage ${describe(option)}`),
    ...verbs.flatMap(({ name, options }) =>
      options.map(
        (option) => `complete -c stowage -n ${quote(`__stowage_verb_is ${name}`)} ${describe(option)}`,
      ),
    ),
  ];
  return `${lines.join("\n")}\n`;
}

/** Whether the verb that is written already, or none, is a given one. */
const functions = `# fish completion for stowage
function __stowage_verb_is
    set -l verb
    set -l words (commandline -opc)
    set -l index 2
    while test $index -le (count $words)
        switch $words[$index]
            case --color
                set index (math $index + 1)
            case '-*'
            case '*'
                set verb $words[$index]
                break
        end
        set index (math $index + 1)
    end
    test "$verb" = "$argv[1]"
end`;

/** -r takes a value, -x one that is no file. */
function describe({ long, short, value, choices, summary }: OptionCompletion): string {
  return [
    `-l ${long.replace(/^--/, "")}`,
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
    ...(value === "file" ? ["-r"] : value === "none" ? [] : ["-x"]),
    ...(choices.length === 0 ? [] : [`-a ${quote(choices.join(" "))}`]),
    `-d ${quote(summary)}`,
  ].join(" ");
}

function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
}
