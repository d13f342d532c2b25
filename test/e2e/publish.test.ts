import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requirePrograms } from "../support/programs.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { repository } from "../support/repository.ts";
import { removeFolder } from "../support/temporary-folder.ts";

const libraries = ["nix", "oci", "core"] as const;
const packages = [...libraries, "cli"] as const;
const ready = requirePrograms("npm", "npx", "nix-store", "tar");

/** What users of npm get: the packed files, and nothing of this repository. */
describe.skipIf(!ready)("packed for npm", { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-publish-"));
  const project = join(folder, "project");
  const checkout = join(folder, "checkout");
  const tarballs = new Map<string, string>();
  const tool = (name: string): string => join(repository, "test/node_modules/.bin", name);
  /** In the empty project, without the conditions and options that tests of the sources have. */
  const inProject = (program: string, ...words: string[]) =>
    execa(program, words, { cwd: project, env: { ...nixEnvironment, NODE_OPTIONS: "" }, reject: false });

  beforeAll(async () => {
    // Built anew and elsewhere: what an earlier source left in dist is no part of it.
    mkdirSync(checkout);
    for (const name of [
      "LICENSE",
      "package.json",
      "pnpm-workspace.yaml",
      "pnpm-lock.yaml",
      "tsconfig.base.json",
    ])
      cpSync(join(repository, name), join(checkout, name));
    const isSource = (path: string): boolean => !/\/(dist|bundle)$/.test(path);
    cpSync(join(repository, "packages"), join(checkout, "packages"), {
      recursive: true,
      verbatimSymlinks: true,
      filter: isSource,
    });
    symlinkSync(join(repository, "node_modules"), join(checkout, "node_modules"));
    execFileSync("tsc", ["-b", "packages/cli"], { cwd: checkout, stdio: "pipe" });
    execFileSync("sh", ["packages/cli/bundle.sh"], { cwd: checkout, stdio: "pipe" });
    for (const name of packages) {
      const { stdout } = await execa(
        "npx",
        ["--yes", "pnpm@12", "pack", "--json", "--pack-destination", folder],
        { cwd: join(checkout, "packages", name) },
      );
      tarballs.set(name, (JSON.parse(stdout) as { filename: string }).filename);
    }
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }\n');
    const installed = await inProject("npm", "install", "--no-audit", "--no-fund", ...tarballs.values());
    expect(installed.exitCode, installed.stderr).toBe(0);
  }, 300_000);
  afterAll(() => removeFolder(folder));

  const filesOf = (name: string): string[] =>
    execFileSync("tar", ["-tf", tarballs.get(name) as string], { encoding: "utf8" })
      .trim()
      .split("\n");

  test("the command is its bundle, with its schemas and a licence, and nothing else", () => {
    const files = filesOf("cli");
    for (const file of ["LICENSE", "README.md", "package.json", "bundle/main.js", "schema/pack.json"])
      expect(files).toContain(`package/${file}`);
    expect(files.filter((file) => !/^package\/(bundle|schema|[^/]*$)/.test(file))).toEqual([]);
  });

  test.each(libraries)("%s has types, source maps and a licence, and no tests", (name) => {
    const files = filesOf(name);
    expect(files).toContain("package/LICENSE");
    const compiled = files.filter((file) => /^package\/dist\/.*\.js$/.test(file));
    expect(compiled.length).toBeGreaterThan(10);
    for (const file of compiled) {
      for (const beside of [`${file}.map`, file.replace(/\.js$/, ".d.ts")]) expect(files).toContain(beside);
      // What a source map names is there.
      expect(files).toContain(file.replace("/dist/", "/src/").replace(/\.js$/, ".ts"));
    }
    expect(files.filter((file) => /test|tsbuildinfo|node_modules/.test(file))).toEqual([]);
  });

  test.each(packages)("%s passes publint", async (name) => {
    const { exitCode, all } = await execa(
      tool("publint"),
      ["run", tarballs.get(name) as string, "--strict"],
      {
        all: true,
        reject: false,
      },
    );
    expect(exitCode, all).toBe(0);
  });

  test.each(libraries)("%s passes attw", async (name) => {
    const words = [tarballs.get(name) as string, "--profile", "esm-only", "--no-color"];
    const { exitCode, all } = await execa(tool("attw"), words, { all: true, reject: false });
    expect(exitCode, all).toBe(0);
  });

  test("installed into an empty project the command packs and verifies", async () => {
    writeFileSync(join(project, "hello-1.0"), "hello\n");
    const store = `local?root=${folder}/root`;
    const added = await inProject("nix-store", "--store", store, "--add", "hello-1.0");
    const words = ["--store", store, "--platform", "linux/amd64"];
    const packed = await inProject("npx", "stowage", "pack", added.stdout, ...words, "-o", "hello.tar");
    expect(packed.exitCode, packed.stderr).toBe(0);
    const verified = await inProject("npx", "stowage", "verify", "hello.tar", "--store", store);
    expect(verified.stdout).toContain("matches Nix");
  });

  const script = (store: string, path: string, types: boolean): string => `
import { analyze, CoreError, pack, verify${types ? ", type Analysis, type PackResult" : ""} } from "@stowage/core";

const from = { targets: ["${path}"], store: ["${store}"] };
const image${types ? ": PackResult" : ""} = await pack({ ...from, output: "app.tar", platform: "linux/amd64" });
const { totals, paths }${types ? ": Analysis" : ""} = await analyze(from);
const { verdict } = await verify({ image: "app.tar", store: ["${store}"] });
const refused = await pack({ ...from, jobs: 0 }).catch((error${types ? ": unknown" : ""}) => error);
console.log(JSON.stringify({ tags: image.tags, paths: paths.length, total: totals.paths, verdict,
  code: refused instanceof CoreError ? refused.code : String(refused) }));
`;

  test("from JavaScript and from TypeScript the library packs, analyses and verifies", async () => {
    writeFileSync(join(project, "tool-2.0"), "tool\n");
    const store = `local?root=${folder}/root`;
    const { stdout: path } = await inProject("nix-store", "--store", store, "--add", "tool-2.0");
    writeFileSync(join(project, "plain.js"), script(store, path, false));
    writeFileSync(join(project, "typed.ts"), script(store, path, true));
    const options = ["--target", "es2024", "--module", "nodenext", "--strict", "--skipLibCheck", "false"];
    const types = [
      "--types",
      "node",
      "--typeRoots",
      join(repository, "node_modules/@types"),
      "--outDir",
      "out",
    ];
    const compiled = await inProject("tsc", ...options, ...types, "typed.ts");
    expect(compiled.exitCode, compiled.stdout).toBe(0);
    for (const file of ["plain.js", "out/typed.js"]) {
      const said = await inProject("node", file);
      expect(said.exitCode, said.stderr).toBe(0);
      expect(JSON.parse(said.stdout)).toEqual({
        tags: ["tool:latest"],
        paths: 1,
        total: 1,
        verdict: "matches-nix",
        code: "option-invalid",
      });
    }
    const { version } = JSON.parse(
      readFileSync(join(project, "node_modules/@stowage/core/package.json"), "utf8"),
    ) as { version: string };
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});
