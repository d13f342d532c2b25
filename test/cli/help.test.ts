import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { requirePrograms } from "../support/programs.ts";
import { repository } from "../support/repository.ts";
import { stowage, stowageWords } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

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

/** Each help as a terminal of this size shows it, by verb; that of the command by "". */
async function helpOnTerminal(columns: number, rows: number): Promise<Map<string, string>> {
  const named = verbs(await help("--help"));
  const folder = temporaryFolder();
  const command = stowageWords.join(" ");
  const lines = ["", ...named].map((verb) => `${command} ${verb} --help; echo "=== ${verb}"`);
  writeFileSync(join(folder, "all"), [`stty cols ${columns} rows ${rows}`, ...lines].join("\n"));
  const { stdout } = await execa("script", ["-qefc", `sh ${join(folder, "all")}`, "/dev/null"], {
    env: { ...process.env, TERM: "xterm" },
    stdin: "ignore",
  });
  const shown = new Map(
    [...stdout.replaceAll("\r", "").matchAll(/([^]*?)=== (.*)(?:\n|$)/g)].map(([, text = "", verb = ""]) => [
      verb,
      text,
    ]),
  );
  expect([...shown.keys()]).toEqual(["", ...named]);
  return shown;
}

test.skipIf(!requirePrograms("script", "stty"))(
  "on a terminal of 80 by 24 it fits that too, and still names every option",
  async () => {
    const shown = await helpOnTerminal(80, 24);
    for (const [verb, text] of shown) {
      expect(text.split("\n").length - 1, verb).toBeLessThanOrEqual(23);
      expect(text).toMatch(/^(stowage|source) /);
      expect(text).toMatch(/\nUsage: stowage /);
      if (verb === "")
        for (const each of shown.keys()) if (each !== "") expect(text).toContain(`\n  ${each} `);
      const whole = verb === "" ? await help("--help") : await help("help", verb, "-v");
      for (const [option] of whole.slice(whole.indexOf("Usage:")).matchAll(/^ {2}(?:-\w,| {3}) --[a-z-]+/gm))
        expect(text).toContain(option.slice(option.indexOf("--")));
    }
  },
);

test.skipIf(!requirePrograms("script", "stty"))(
  "what is needed most of pack has a line with its default on such a terminal, and the rest a way to it",
  async () => {
    const text = (await helpOnTerminal(80, 24)).get("pack") ?? "";
    const described = new Map(
      [...text.matchAll(/^ {2}(?:-\w,| {3}) --([a-z-]+).*? {2}(\S.*)$/gm)].map(([, name = "", what = ""]) => [
        name,
        what,
      ]),
    );
    const defaults = {
      output: "<package name>.tar",
      format: "archive",
      tag: "<package name>:latest",
      entrypoint: "bin/<package name>",
      env: "PATH=/result/bin",
      expose: "none",
      user: "root",
      base: "none",
      compression: "none",
      "max-layers": "100",
      store: "as Nix is set up",
    };
    for (const [name, value] of Object.entries(defaults))
      expect(described.get(name), name).toContain(`(default: ${value})`);
    expect([...described.keys()]).toEqual(expect.arrayContaining(["load", "push"]));
    expect(text).toContain("\nMore, with --help -v: --");
  },
);

test.skipIf(!requirePrograms("script", "stty"))(
  "a narrow terminal is not written over, a wide one not filled",
  async () => {
    for (const columns of [40, 200]) {
      for (const [verb, text] of await helpOnTerminal(columns, 24)) {
        const [, ...lines] = text.split("\n");
        expect(lines.length, verb).toBeLessThanOrEqual(23);
        // Examples and what begins with a long name are a line each.
        const wrapped = lines.filter((line) => !/^(stowage|source|Usage:| *-)/.test(line));
        for (const line of wrapped) expect(line.length, line).toBeLessThanOrEqual(Math.min(columns, 100));
      }
    }
  },
);

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
