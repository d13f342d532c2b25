import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { execa, execaSync } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildCommand } from "../support/build-command.ts";
import { node22 } from "../support/nodes.ts";
import { requirePrograms } from "../support/programs.ts";
import { repository } from "../support/repository.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { stowageFromSource } from "../support/stowage.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";

const commands = "packages/cli/src/commands";

/** Where Node's own modules are written down as if they were files. */
const ownModules = "/node/";

/** Writes down each file that is loaded as a module, and in the end Node's own modules. */
const hooks = `import { registerHooks } from "node:module";
import { appendFileSync } from "node:fs";
registerHooks({
  load(url, context, next) {
    if (url.startsWith("file:")) appendFileSync(process.env.LOADED_FILE, url + "\\n");
    return next(url, context);
  },
});
process.on("exit", () => {
  const own = process.moduleLoadList.filter((name) => name.startsWith("NativeModule "));
  appendFileSync(process.env.LOADED_FILE, own.map((name) => "file:///node/" + name.slice(13) + "\\n").join(""));
});`;

test("the version is known without loading anything but what prints it", async () => {
  expect(await loadedBy("--version")).toEqual(["packages/cli/src/main.ts", "packages/cli/src/stdout.ts"]);
});

test("a verb's words are read without another verb and without any of the other packages", async () => {
  const loaded = await loadedBy("ls", "--help");
  expect(loaded).toContain(`${commands}/ls.ts`);
  for (const verb of ["pack", "why", "verify", "push"])
    expect(loaded).not.toContain(`${commands}/${verb}.ts`);
  expect(loaded.filter((file) => /^packages\/(core|nix|oci)\//.test(file))).toEqual([]);
});

test("the verb is found behind options, and all are there for who asks for help or mistypes one", async () => {
  expect(await loadedBy("--color", "never", "-q", "why", "--help")).not.toContain(`${commands}/pack.ts`);
  for (const words of [["--help"], ["help", "ls"], ["pakc"], ["--color", "ls"]]) {
    expect(await loadedBy(...words)).toEqual(
      expect.arrayContaining([`${commands}/pack.ts`, `${commands}/ls.ts`]),
    );
  }
});

test("a verb that sends nothing loads no HTTP client, and only sbom the library for it", async () => {
  const loaded = await loadedBy("pack", "/nowhere/at/all");
  expect(loaded).toContain("packages/core/src/index.ts");
  expect(loaded.filter((file) => /undici|cyclonedx/.test(file))).toEqual([]);
  const own = await ownModulesLoadedBy("pack", "/nowhere/at/all");
  expect(own).toContain("zlib");
  expect(own.filter((name) => ["http", "http2", "tls"].includes(name))).toEqual([]);
});

describe.skipIf(!requirePrograms("nix-store"))("a verb that explains what a store has", () => {
  let small: SmallClosure;
  beforeAll(() => {
    small = makeSmallClosure();
  });
  afterAll(() => small[Symbol.dispose]());
  const others = /^packages\/(oci|core\/src\/(build\/(layer|root)|plan|registry))\/|undici/;

  test("why and roots load no more, nor does a place inside a path", async () => {
    const [thing = "", data = ""] = small.paths;
    for (const words of [
      ["why", thing, thing],
      ["why", "--precise", thing, thing],
      ["ls", `${data}/link`],
    ]) {
      const loaded = await loadedBy(...words, "--store", small.url);
      expect(loaded).toContain("packages/core/src/load-closure.ts");
      expect(loaded.filter((file) => others.test(file))).toEqual([]);
    }
    const loaded = await loadedBy("roots", "--store", small.url);
    expect(loaded).toContain("packages/core/src/analyze/roots.ts");
    expect(loaded.filter((file) => others.test(file))).toEqual([]);
  });

  test.each(["ls", "ls --tree", "ls --cut", "dupes", "graph", "sbom"])(
    "%s loads nothing that packs or knows images",
    async (words) => {
      const loaded = await loadedBy(...words.split(" "), "--store", small.url, ...small.paths);
      expect(loaded).toContain("packages/core/src/analyze/package-of.ts");
      expect(loaded.filter((file) => others.test(file))).toEqual([]);
    },
  );
});

describe.skipIf(!requirePrograms("esbuild"))("the command as it is published", () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-start-"));
  afterAll(() => removeFolder(folder));
  let main: string;
  beforeAll(() => {
    [, main = ""] = buildCommand(folder);
  });
  const run = (node: string, ...words: string[]) => execa(node, words, { reject: false });

  test("starts, and loads the verb", async () => {
    expect((await run(process.execPath, main, "ls", "/nowhere/at/all")).stderr).toMatch(
      /^stowage: '\/nowhere/,
    );
  });

  test("speaks to registries", async () => {
    const said = await run(process.execPath, main, "verify", "127.0.0.1:1/app:1");
    expect(said.stderr).toMatch(/^stowage: 127\.0\.0\.1:1 cannot be reached: nobody listens there\n/);
    expect(said.exitCode).toBe(5);
  });

  test.skipIf(!existsSync(node22))("starts with the oldest line of Node", async () => {
    expect((await run(node22, main, "plan", "--help")).exitCode).toBe(0);
  });

  test.each(["20.20.2", "22.14.0", "23.7.0"])("says that Node %s is too old", async (version) => {
    const pretend = `data:text/javascript,Object.defineProperty(process.versions,"node",{value:"${version}"})`;
    const { exitCode, stderr } = await run(process.execPath, "--import", pretend, main, "pack", "result");
    expect(stderr).toBe(
      `stowage: Node ${version} is too old: install Node 22.15 or later (of 23, 23.8 or later)`,
    );
    expect(exitCode).toBe(4);
  });

  const machineNode = "/usr/bin/node";
  const oldVersion = existsSync(machineNode)
    ? /^v((?:18|20)\..*)/.exec(execaSync(machineNode, ["--version"]).stdout)?.[1]
    : undefined;
  test.skipIf(oldVersion === undefined)("an old Node of this machine's says so", async () => {
    const { exitCode, stderr } = await run(machineNode, main, "pack", "result");
    expect(stderr).toContain(`Node ${oldVersion} is too old`);
    expect(exitCode).toBe(4);
  });
});

/** The files that a run of the command loads as modules, relative to the repository. */
async function loadedBy(...words: string[]): Promise<string[]> {
  const files = (await everythingLoadedBy(...words)).filter((file) => !file.startsWith(ownModules));
  return files.map((file) => relative(repository, file));
}

/** Node's own modules that a run of the command loads. */
async function ownModulesLoadedBy(...words: string[]): Promise<string[]> {
  const files = (await everythingLoadedBy(...words)).filter((file) => file.startsWith(ownModules));
  return files.map((file) => file.slice(ownModules.length));
}

async function everythingLoadedBy(...words: string[]): Promise<string[]> {
  const folder = temporaryFolder();
  const hooksFile = join(folder, "hooks.mjs");
  const list = join(folder, "loaded");
  writeFileSync(hooksFile, hooks);
  const [program = "", ...rest] = stowageFromSource;
  await execa(program, ["--import", hooksFile, ...rest, ...words], {
    reject: false,
    env: { LOADED_FILE: list },
  });
  const loaded = existsSync(list) ? readFileSync(list, "utf8").trimEnd().split("\n") : [];
  return loaded.map((url) => fileURLToPath(url));
}
