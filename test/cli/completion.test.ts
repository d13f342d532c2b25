import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { requirePrograms } from "../support/programs.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** What each shell is asked: the words so far, the last one unfinished. */
const questions: readonly { readonly words: readonly string[]; readonly answer: readonly string[] }[] = [
  { words: ["pa"], answer: ["pack"] },
  { words: ["--color", "never", "insp"], answer: ["inspect"] },
  { words: ["--qui"], answer: ["--quiet"] },
  { words: ["help", "sb"], answer: ["sbom"] },
  { words: ["ls", "--re"], answer: ["--reconcile"] },
  { words: ["ls", "--sort", "s"], answer: ["size"] },
  { words: ["pack", "--for"], answer: ["--format"] },
  { words: ["pack", "--format", "d"], answer: ["docker-archive"] },
  { words: ["--color", "a"], answer: ["always", "auto"] },
  { words: ["inspect", "im"], answer: ["image.tar", "images/"] },
  { words: ["check", "--budget", "im"], answer: ["image.tar", "images/"] },
  { words: ["completion", "--nothing"], answer: [] },
];

/** A folder with something to complete, and the script. */
async function prepare(shell: string): Promise<{ readonly folder: string; readonly script: string }> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "images"));
  writeFileSync(join(folder, "image.tar"), "");
  const script = join(folder, `.${shell}`);
  const { stdout, exitCode } = await stowage(["completion", shell]);
  expect(exitCode).toBe(0);
  writeFileSync(script, `${stdout}\n`);
  return { folder, script };
}

const quote = (text: string): string => `'${text}'`;

/** One answer a line of a run for all questions; a folder may lack its slash, which the shell adds when it shows it. */
async function expectAnswers(lines: string): Promise<void> {
  const answers: string[][] = [[]];
  for (const line of lines.split("\n")) {
    if (line === "==") answers.push([]);
    else if (line !== "") answers.at(-1)?.push(line);
  }
  for (const [index, { words, answer }] of questions.entries()) {
    const said = (answers[index] ?? []).map((line) => (line === "images" ? "images/" : line)).toSorted();
    expect({ words, said }).toEqual({ words, said: answer });
  }
}

test.skipIf(!requirePrograms("bash"))("bash completes", async () => {
  const { folder, script } = await prepare("bash");
  const asks = questions.map(({ words }) => {
    const all = ["stowage", ...words].map(quote).join(" ");
    return `COMP_WORDS=(${all}); COMP_CWORD=${words.length}; _stowage; printf '%s\\n' "\${COMPREPLY[@]}" ==`;
  });
  const { stdout } = await execa(
    "bash",
    ["--norc", "-c", [`source ${script}`, "complete -p stowage >&2", ...asks].join("\n")],
    {
      cwd: folder,
    },
  );
  await expectAnswers(stdout);
});

test.skipIf(!requirePrograms("bash"))("bash completes behind an equals sign", async () => {
  const { folder, script } = await prepare("bash");
  const ask = `COMP_WORDS=(stowage ls --sort = cl); COMP_CWORD=4; _stowage; echo "\${COMPREPLY[@]}"`;
  const { stdout } = await execa("bash", ["--norc", "-c", `source ${script}\n${ask}`], { cwd: folder });
  expect(stdout).toBe("closure");
});

test.skipIf(!requirePrograms("fish"))("fish completes", async () => {
  const { folder, script } = await prepare("fish");
  const asks = questions.map(
    ({ words }) =>
      `complete -C ${quote(`stowage ${words.join(" ")}`)} | string replace -r '\\t.*' ''; echo ==`,
  );
  const { stdout } = await execa("fish", ["--no-config", "-c", [`source ${script}`, ...asks].join("\n")], {
    cwd: folder,
    env: { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
  });
  await expectAnswers(stdout);
});

test.skipIf(!requirePrograms("zsh"))("zsh completes", async () => {
  const { folder, script } = await prepare("zsh");
  // The builtins that hand words to the line editor print them instead, those that begin as the word does.
  const stubs = `compdef() { : }
compset() { : }
compadd() { shift; for each in "$@"; do [[ $each == $words[CURRENT]* ]] && print -r -- $each; done }
_files() { for each in $words[CURRENT]*(N); do print -r -- $each; done }`;
  const asks = questions.map(
    ({ words }) =>
      `words=(stowage ${words.map(quote).join(" ")}); CURRENT=${words.length + 1}; _stowage; print -- '=='`,
  );
  const { stdout } = await execa("zsh", ["-f", "-c", [stubs, `source ${script}`, ...asks].join("\n")], {
    cwd: folder,
  });
  await expectAnswers(stdout);
  // The line editor's own completion takes the function for the command's.
  const registered = `autoload -Uz compinit && compinit -D -u && source ${script} && print -- $_comps[stowage]`;
  expect((await execa("zsh", ["-f", "-c", registered], { cwd: folder, env: { HOME: folder } })).stdout).toBe(
    "_stowage",
  );
});
