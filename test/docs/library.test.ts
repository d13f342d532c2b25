import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fromSource } from "../support/from-source.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { repository } from "../support/repository.ts";
import { buildWorld, type Built } from "../support/world.ts";

const sources = join(repository, "packages/core/src");
const index = readFileSync(join(sources, "index.ts"), "utf8");

/** What the package exports, with the file that each comes from. */
const exported = [...index.matchAll(/^export (?:type )?\{([^}]*)\} from "\.\/([^"]+)"/gm)].flatMap(
  ([, names = "", file = ""]) =>
    names
      .split(",")
      .map((name) => name.trim().replace(/^type /, ""))
      .filter((name) => name !== "")
      .map((name) => ({ name, file })),
);

test("each function and class that is exported says what it does", () => {
  expect(exported.length).toBeGreaterThan(100);
  for (const { name, file } of exported) {
    const source = readFileSync(join(sources, file), "utf8");
    const declared = new RegExp(`^export (?:async )?(?:function\\*?|class|const) ${name}\\b`, "m");
    const documented = new RegExp(`\\*/\\nexport (?:async )?(?:function\\*?|class|const) ${name}\\b`);
    if (declared.test(source)) expect({ name, says: documented.test(source) }).toEqual({ name, says: true });
  }
});

/** The examples of the files' doc comments, but for those that need a registry. */
const examples = readdirSync(sources)
  .filter((file) => file.endsWith(".ts"))
  .flatMap((file) =>
    [
      ...readFileSync(join(sources, file), "utf8").matchAll(/ \* @example\n \* ```ts\n([\s\S]*?) \* ```/g),
    ].map(([, text = ""]) => ({ file, code: text.replaceAll(/^ \* /gm, "") })),
  )
  .filter(({ code }) => !code.includes("registry.example"));

const readme = readFileSync(join(repository, "packages/core/README.md"), "utf8");
const blocks = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);

describe.skipIf(!(requireWorld() && requirePrograms("nix", "nix-store")))("each example runs", () => {
  let wrapped: Built;
  beforeAll(() => {
    wrapped = buildWorld("tests.wrapped");
  });
  afterAll(() => wrapped[Symbol.dispose]());

  /** Runs a script beside the `result` link, with the packages where an import finds them. */
  async function run(name: string, code: string): Promise<string> {
    const file = join(wrapped.folder, name);
    const local = code.replaceAll('"@stowage/core"', JSON.stringify(join(sources, "index.ts")));
    writeFileSync(file, local);
    const { stdout, stderr, exitCode } = await execa(process.execPath, [...fromSource, file], {
      cwd: dirname(file),
      env: nixEnvironment,
      reject: false,
    });
    expect({ code, stderr, exitCode }).toEqual({ code, stderr: "", exitCode: 0 });
    return stdout;
  }

  test("of the package's README", async () => {
    expect(blocks).toHaveLength(2);
    const [script = "", graph = ""] = blocks;
    expect(await run("script.ts", script)).toMatch(
      /^sha256:[0-9a-f]{64} matches-nix: 3 paths, most because of wrapped\n.*jobs/,
    );
    expect(await run("graph.ts", graph)).toMatch(/-wrapped-2\.1 -> \S*-dash-\S+ \d+\n\d+ 0 \d+$/);
  });

  test("of the doc comments", async () => {
    expect(examples.map(({ file }) => file)).toEqual(
      expect.arrayContaining([
        "analyze.ts",
        "inspect.ts",
        "pack.ts",
        "plan.ts",
        "report.ts",
        "sbom.ts",
        "verify.ts",
      ]),
    );
    const names = exported.map(({ name }) => name);
    const used = names.filter((name) => examples.some(({ code }) => new RegExp(`\\b${name}\\(`).test(code)));
    // One after another in one process, each with names of its own.
    const script = [
      `import { ${used.join(", ")} } from "@stowage/core";`,
      'for (const output of ["app.tar", "app-1.0.tar"]) await pack({ targets: ["result"], output });',
      ...examples.map(({ code }) => `{\n${code}}`),
    ];
    const said = await run("examples.ts", script.join("\n"));
    expect(said).toContain("open report.html");
    expect(said).toMatch(/^sha256:[0-9a-f]{64}$/m);
  });
});
