import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildCommand } from "../support/build-command.ts";
import { requirePrograms } from "../support/programs.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { repository } from "../support/repository.ts";

const { version } = JSON.parse(readFileSync(join(repository, "packages/cli/package.json"), "utf8")) as {
  version: string;
};

describe.skipIf(!requirePrograms("esbuild"))("what the command's modules were compiled to", () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-compiled-"));
  afterAll(() => removeFolder(folder));
  let main = "";
  beforeAll(() => {
    [, main = ""] = buildCommand(folder);
  });

  interface Begun {
    readonly compiled: string;
    /** Exit status, stdout and stderr. */
    readonly run: (words: readonly string[], env?: NodeJS.ProcessEnv) => Promise<string>;
    /** Files that are kept. */
    readonly modules: () => string[];
  }

  /** A cache folder of its own. */
  function begin(): Begun {
    const cache = temporaryFolder();
    const compiled = join(cache, "stowage/compiled");
    return {
      compiled,
      async run(words, env = {}) {
        const said = await execa(process.execPath, [main, ...words], {
          reject: false,
          extendEnv: false,
          env: { PATH: process.env["PATH"], XDG_CACHE_HOME: cache, ...env },
        });
        return [said.exitCode, said.stdout, said.stderr].join("\n");
      },
      modules: () =>
        existsSync(compiled)
          ? readdirSync(compiled, { recursive: true, withFileTypes: true })
              .filter((entry) => entry.isFile())
              .map(({ parentPath, name }) => join(parentPath, name))
          : [],
    };
  }

  const question = ["ls", "/nowhere/at/all"];
  const answer = /^3\n\nstowage: '\/nowhere\/at\/all' /;

  test("is kept, and taken the next time", async () => {
    const { run, modules, compiled } = begin();
    expect(await run(question)).toMatch(answer);
    expect(modules().length).toBeGreaterThan(10);
    expect(readdirSync(compiled)).toEqual([version]);
    const told = await run(question, { NODE_DEBUG_NATIVE: "COMPILE_CACHE" });
    expect(told).toContain("stowage: '/nowhere/at/all'");
    expect(told.match(/was accepted/g)?.length).toBeGreaterThan(10);
    expect(told).not.toContain("was rejected");
  });

  test("is not there for who asks for the version, or turns it off, or has Node keep it elsewhere", async () => {
    const { run, compiled } = begin();
    expect(await run(["--version"])).toBe(`0\n${version}\n`);
    expect(await run(question, { NODE_DISABLE_COMPILE_CACHE: "1" })).toMatch(answer);
    const elsewhere = temporaryFolder();
    expect(await run(question, { NODE_COMPILE_CACHE: elsewhere })).toMatch(answer);
    expect(readdirSync(elsewhere)).not.toEqual([]);
    expect(existsSync(compiled)).toBe(false);
  });

  test.each([
    ["empty", ""],
    ["garbage", "x".repeat(5000)],
  ])("changes nothing where it is %s", async (_, contents) => {
    const { run, modules } = begin();
    const said = await run(question);
    for (const module of modules()) writeFileSync(module, contents);
    expect(await run(question)).toBe(said);
    expect(await run(question)).toBe(said);
  });

  test("gives way to that of another version", async () => {
    const { run, compiled } = begin();
    mkdirSync(join(compiled, "0.0.1/v22"), { recursive: true, mode: 0o700 });
    writeFileSync(join(compiled, "0.0.1/v22/module"), "old");
    await run(question);
    expect(readdirSync(compiled)).toEqual([version]);
  });

  const isRoot = process.getuid?.() === 0;
  test.each<[string, (compiled: string) => void, skip?: boolean]>([
    ["others may write to it", (compiled) => chmodSync(join(compiled, version), 0o777)],
    ["others may replace it", (compiled) => chmodSync(compiled, 0o770)],
    ["it is another's", (compiled) => chownSync(join(compiled, version), 65534, 65534), !isRoot],
    ["it is in another's folder", (compiled) => chownSync(compiled, 65534, 65534), !isRoot],
    [
      "it leads to where others may write",
      (compiled) => {
        const open = temporaryFolder();
        chmodSync(open, 0o777);
        mkdirSync(join(open, "there"));
        removeFolder(join(compiled, version));
        symlinkSync(join(open, "there"), join(compiled, version));
      },
    ],
  ])("is not kept where %s", async (_, spoil, isSkipped = false) => {
    if (isSkipped) return;
    const { run, modules, compiled } = begin();
    mkdirSync(join(compiled, version), { recursive: true, mode: 0o700 });
    spoil(compiled);
    expect(await run(question)).toMatch(answer);
    expect(modules()).toEqual([]);
    expect(readdirSync(join(compiled, version))).toEqual([]);
  });

  test("is no matter where it cannot be kept", async () => {
    const cache = temporaryFolder();
    const { run } = begin();
    writeFileSync(join(cache, "stowage"), "a file");
    expect(await run(question, { XDG_CACHE_HOME: cache })).toMatch(answer);
    expect(await run(question, { XDG_CACHE_HOME: undefined, HOME: "/nowhere" })).toMatch(answer);
  });

  test("is counted and forgotten with all else that is remembered", async () => {
    const { run, modules } = begin();
    await run(question);
    const count = modules().length;
    const told = JSON.parse((await run(["cache", "--json"])).split("\n").slice(1).join("\n"));
    expect(told.compiledCode.entries).toBeGreaterThanOrEqual(count);
    expect(told.compiledCode.bytes).toBeGreaterThan(100_000);
    expect(await run(["cache"])).toMatch(/; and its own code, compiled, \d/);
    expect(await run(["cache", "--clear"])).toMatch(
      /^0\nforgot 0 layers, .*; and its own code, compiled, \d/,
    );
    expect(modules()).toEqual([]);
  });

  test("is not forgotten where others may have put something else in its place", async () => {
    const { run, modules, compiled } = begin();
    await run(question);
    const kept = modules();
    chmodSync(compiled, 0o777);
    expect(await run(["cache", "--clear"])).not.toContain("compiled,");
    expect(modules()).toEqual(kept);
  });
});
