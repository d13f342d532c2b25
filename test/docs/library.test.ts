import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fromSource } from "../support/from-source.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { startRegistry, type TestRegistry } from "../support/registry.ts";
import { repository } from "../support/repository.ts";
import { stowage } from "../support/stowage.ts";
import { buildWorld, type Built } from "../support/world.ts";

const packages = ["nix", "oci", "core"] as const;

const sourcesOf = (name: string): string => join(repository, "packages", name, "src");

/** Something that a package's root exports. */
interface Export {
  readonly name: string;
  readonly kind: string;
  readonly isDocumented: boolean;
}

/** What a package's root exports, each looked up in the file that declares it. */
function exportsOf(pkg: string): Export[] {
  const index = readFileSync(join(sourcesOf(pkg), "index.ts"), "utf8");
  const clauses = [...index.matchAll(/^export (type )?\{([^}]*)\} from "\.\/([^"]+)"/gm)];
  // Nothing is exported in another way, which would be looked at by nobody here.
  expect(index.match(/^export/gm)).toHaveLength(clauses.length);
  return clauses.flatMap(([, onlyTypes, names = "", file = ""]) => {
    const source = readFileSync(join(sourcesOf(pkg), file), "utf8");
    return names
      .split(",")
      .map((word) => word.trim())
      .filter((word) => word !== "")
      .map((word) => {
        const [declared = "", name = declared] = word.replace(/^type /, "").split(" as ");
        const at = new RegExp(
          `(\\*/\\n)?^export (?:async )?(function|class|const|type|interface)\\*? ${declared}\\b`,
          "m",
        );
        const [, comment, kind = "missing"] = at.exec(source) ?? [];
        const isType = onlyTypes !== undefined || word.startsWith("type ");
        return { name, kind: isType ? "type" : kind, isDocumented: comment !== undefined };
      });
  });
}

/** The TypeScript in a package's README. */
function readmeExamples(pkg: string): string[] {
  const readme = readFileSync(join(repository, "packages", pkg, "README.md"), "utf8");
  return [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
}

/** The examples of the doc comments of `@stowage/core`'s verbs. */
const commentExamples = readdirSync(sourcesOf("core"))
  .filter((file) => file.endsWith(".ts"))
  .flatMap((file) =>
    [
      ...readFileSync(join(sourcesOf("core"), file), "utf8").matchAll(
        / \* @example\n \* ```ts\n([\s\S]*?) \* ```/g,
      ),
    ].map(([, text = ""]) => ({ file, code: text.replaceAll(/^ \* /gm, "") })),
  );

/** What examples do, without what they import. */
const withoutImports = (code: string): string => code.replaceAll(/^import [^;]*;$/gm, "");

describe.each(packages)("@stowage/%s", (pkg) => {
  const exported = exportsOf(pkg);

  test("says of each thing it exports what it is", () => {
    expect(exported.length).toBeGreaterThan(30);
    expect(exported.filter(({ kind }) => kind === "missing")).toEqual([]);
    expect(exported.filter(({ isDocumented }) => !isDocumented).map(({ name }) => name)).toEqual([]);
  });

  test("has an example of each function, class and constant, which runs below", () => {
    const examples = [
      ...readmeExamples(pkg),
      ...(pkg === "core" ? commentExamples.map(({ code }) => code) : []),
    ];
    const code = examples.map(withoutImports).join("\n");
    const values = exported.filter(({ kind }) => kind !== "type");
    expect(values.length).toBeGreaterThan(20);
    expect(
      values.filter(({ name }) => !new RegExp(`\\b${name}\\b`).test(code)).map(({ name }) => name),
    ).toEqual([]);
  });
});

const programs = requirePrograms("nix", "nix-store", "docker-registry");
describe.skipIf(!(requireWorld() && programs))("each example runs", () => {
  let wrapped: Built;
  let registry: TestRegistry;
  beforeAll(async () => {
    wrapped = buildWorld("tests.wrapped");
    registry = await startRegistry();
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    wrapped[Symbol.dispose]();
  });

  /** Runs a script beside the `result` link, with the packages where an import finds them, and a registry of its own. */
  async function run(name: string, code: string): Promise<string> {
    const local = code
      .replaceAll(/"@stowage\/(nix|oci|core)"/g, (_, pkg: string) =>
        JSON.stringify(join(sourcesOf(pkg), "index.ts")),
      )
      .replaceAll("registry.example", registry.host);
    writeFileSync(join(wrapped.folder, name), local);
    const { stdout, stderr, exitCode } = await execa(process.execPath, [...fromSource, name], {
      cwd: wrapped.folder,
      env: { ...nixEnvironment, XDG_CACHE_HOME: join(wrapped.folder, "cache") },
      reject: false,
    });
    expect({ code, stderr, exitCode }).toEqual({ code, stderr: "", exitCode: 0 });
    return stdout;
  }

  test("and keeps to the types", async () => {
    const files = packages.flatMap((pkg) =>
      readmeExamples(pkg).map((code, index) => ({ name: `${pkg}-${index}.ts`, code })),
    );
    const folder = join(wrapped.folder, "typed");
    mkdirSync(folder);
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    for (const { name, code } of files) writeFileSync(join(folder, name), code);
    const options = {
      noEmit: true,
      composite: false,
      customConditions: ["@stowage/source"],
      paths: Object.fromEntries(
        packages.map((pkg) => [`@stowage/${pkg}`, [join(sourcesOf(pkg), "index.ts")]]),
      ),
      typeRoots: [join(repository, "node_modules/@types")],
      types: ["node"],
    };
    const settings = {
      extends: join(repository, "tsconfig.base.json"),
      compilerOptions: options,
      files: files.map(({ name }) => name),
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
    const compiler = join(repository, "node_modules/.bin/tsc");
    const { all } = await execa(compiler, ["-p", folder], { all: true, reject: false });
    expect(all).toBe("");
  });

  /** Runs the scripts of a README, each after the one before it, and returns what each said. */
  async function runReadme(pkg: string): Promise<string[]> {
    const said: string[] = [];
    for (const [index, code] of readmeExamples(pkg).entries())
      said.push(await run(`${pkg}-${index}.ts`, code));
    return said;
  }

  test("of the README of @stowage/nix", async () => {
    const [trees, nars, names, texts] = await runReadme("nix");
    expect(trees).toMatch(/^(\S+ is what was built\n){3}true$/);
    expect(nars).toMatch(/bin\/wrapped-program: \d+ bytes\n.*\d directories\nsha256-\S{44}$/s);
    expect(names).toMatch(/^00bgd045z0d4icpbc2yyz4gx48ak44la true\n.*bin\nsha256:.*is not a store path/s);
    expect(texts).toMatch(/^\d+ paths are valid\n\d need nothing of .*\n\d+ roots keep/);
  });

  test("of the README of @stowage/oci", async () => {
    const [made, read, moved, names] = await runReadme("oci");
    expect(made?.match(/ 0 findings/g)).toHaveLength(3);
    expect(read).toMatch(/1 layers 0 findings\nsha256:[0-9a-f]{64} 2 entries\n.*welcome aboard\n\n1 image$/s);
    expect(moved).toMatch(/linux\/amd64.*\d+ bytes to /s);
    expect(names).toMatch(/^cat:latest docker.io\/library\/cat:latest\nfalse .*not a sha256 digest/s);
  });

  test("of the README of @stowage/core", async () => {
    const [script, graph, files, image, machine] = await runReadme("core");
    expect(script).toMatch(/^sha256:[0-9a-f]{64} matches-nix: 3 paths, most because of wrapped\n.*jobs/);
    expect(graph).toMatch(/-wrapped-2\.1 -> \S*-dash-\S+ \d+\n/);
    expect(files).toMatch(/bin\/wrapped-program names \S+ at byte \d+\n/);
    expect(image).toMatch(/^9 paths\n\d+ files in the lowest layer\n(\d+\n){2}(\d+ layers\n?){2}$/);
    expect(machine).toMatch(/^removing .* frees \d+\n.*are forgotten$/s);
  });

  test("of the doc comments", async () => {
    const used = exportsOf("core")
      .filter(({ kind }) => kind !== "type")
      .map(({ name }) => name)
      .filter((name) => commentExamples.some(({ code }) => new RegExp(`\\b${name}\\(`).test(code)));
    expect(used).toEqual(
      expect.arrayContaining([
        "analyze",
        "indexImages",
        "inspect",
        "pack",
        "plan",
        "pushImage",
        "report",
        "sbom",
        "verify",
      ]),
    );
    const paths = (await stowage(["ls", wrapped.link, "--json"])).stdout;
    const libc = /"(\/nix\/store\/\w+-libc6-[^"]*)"/.exec(paths)?.[1];
    // One after another in one process, each with names of its own.
    const script = [
      `import { ${used.join(", ")} } from "@stowage/core";`,
      'for (const output of ["app.tar", "app-1.0.tar"]) await pack({ targets: ["result"], output });',
      // What has no programs is for any platform.
      `const targets = [${JSON.stringify(libc)}];`,
      'for (const name of ["amd64", "arm64"]) await pack({ targets, output: `${name}.tar`, platform: `linux/${name}` });',
      ...commentExamples.map(({ code }) => `{\n${code}}`),
    ];
    const said = await run("examples.ts", script.join("\n"));
    expect(said).toContain("open report.html");
    expect(said).toMatch(/^sha256:[0-9a-f]{64}$/m);
  });
});
