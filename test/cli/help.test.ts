import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repository } from "../support/repository.ts";
import { stowage } from "../support/stowage.ts";

const help = async (...words: string[]): Promise<string> => {
  const { stdout, stderr, exitCode } = await stowage(words);
  expect({ words, stderr, exitCode }).toEqual({ words, stderr: "", exitCode: 0 });
  return stdout;
};

/** As the help of the command lists them. */
const verbs = (text: string): string[] =>
  [...(text.split("\n\n")[2] ?? "").matchAll(/^ {2}(\w+) /gm)]
    .map(([, verb = ""]) => verb)
    .filter((verb) => verb !== "help");

test("each verb's help begins with an example, fits a screen, and tells all options with -v", async () => {
  const program = await help("--help");
  expect(program).toMatch(/^stowage pack /);
  expect(verbs(program)).toEqual(expect.arrayContaining(["pack", "ls", "inspect", "sbom", "completion"]));
  for (const verb of verbs(program)) {
    const [text, whole] = await Promise.all([help(verb, "--help"), help("help", verb, "-v")]);
    expect(text).toMatch(
      verb === "completion" ? /^source <\(stowage completion bash\)\n/ : new RegExp(`^stowage ${verb}\\b`),
    );
    const lines = text.split("\n");
    expect({ verb, lines: lines.length <= 40 }).toEqual({ verb, lines: true });
    // An example is a line, however long.
    for (const line of lines.slice(lines.indexOf(""))) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(whole).not.toContain("--help -v");
    // What the short form leaves out it names.
    const options = (of: string): Set<string> =>
      new Set([...of.matchAll(/--[a-z-]+/g)].map(([name]) => name));
    const missing = [...options(whole)].filter((name) => !options(text).has(name));
    expect({ verb, missing }).toEqual({ verb, missing: [] });
  }
});

test("mistyped verbs and options suggest what may be meant", async () => {
  const cases = [
    [["pakc"], "stowage: unknown command 'pakc'\n(Did you mean pack?)"],
    [["ls", "--limt", "3"], "stowage: unknown option '--limt'\n(Did you mean --limit?)"],
    [["inspect", "--layer", "x"], "(Did you mean --layers?)"],
    [["ls", "--sort", "siez"], "Allowed choices are size, added, closure, name."],
    [["completion", "tcsh"], "Allowed choices are bash, zsh, fish, reference."],
  ] as const;
  for (const [words, text] of cases) {
    const { exitCode, stderr } = await stowage(words);
    expect({ words, exitCode }).toEqual({ words, exitCode: 2 });
    expect(stderr).toContain(text);
  }
});

test("the reference is what the definitions say", async () => {
  const file = join(repository, "packages/cli/REFERENCE.md");
  expect(
    await help("completion", "reference"),
    "write it anew: stowage completion reference > packages/cli/REFERENCE.md",
  ).toBe(readFileSync(file, "utf8").trimEnd());
});
