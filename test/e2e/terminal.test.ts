// oxlint-disable no-control-regex -- what a terminal is sent is what this is about
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { forgeFiles, toArchive } from "../support/forge-image.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { repository } from "../support/repository.ts";
import { smallStoreImage } from "../support/small-store-image.ts";
import { stowage, stowageWords } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { buildFlake, type Built } from "../support/world.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store", "script");

describe.skipIf(!ready)("how the command speaks", () => {
  let fortuneCat: Built;
  beforeAll(() => {
    fortuneCat = buildFlake("fortune-cat");
  });
  afterAll(() => fortuneCat[Symbol.dispose]());

  /** Runs a command line with a terminal as stdin, stdout and stderr. */
  const onTerminal = (line: string, cwd: string) =>
    execa("script", ["-qefc", line, "/dev/null"], {
      cwd,
      env: { ...nixEnvironment, TERM: "xterm", COLUMNS: "120" },
      reject: false,
      stdin: "ignore",
    });

  test("on a terminal it shows progress on one line and takes it away", async () => {
    const said = await onTerminal(`${stowageWords.join(" ")} pack ${fortuneCat.link}`, temporaryFolder());
    expect(said.exitCode).toBe(0);
    expect(said.stdout).toMatch(/\r\u001b\[Kpacking \d+% {2}[\d.]+ \w+ of [\d.]+ MiB/);
    expect(said.stdout).toMatch(/\r\u001b\[Kpacked fortune-cat:latest into fortune-cat\.tar/);
  });

  test("an image does not go to a terminal", async () => {
    const folder = temporaryFolder();
    const said = await onTerminal(`${stowageWords.join(" ")} pack ${fortuneCat.link} -o -`, folder);
    expect(said.exitCode).toBe(2);
    expect(said.stdout).toContain("an image does not go to a terminal");
    expect(said.stdout.length).toBeLessThan(300);
    expect(readdirSync(folder)).toEqual([]);
  });

  /** A folder with an image of two store paths; without what is said of them in its config it is as others make images. */
  function folderWithForeignImage(): string {
    const folder = temporaryFolder();
    const [app, shell] = [`${"a".repeat(32)}-app-1.0`, `${"b".repeat(32)}-sh-2`];
    const { layers } = smallStoreImage([
      { baseName: app, files: { "bin/app": `#!/nix/store/${shell}/bin/sh` } },
      { baseName: shell, files: { "bin/sh": "x".repeat(100_000) } },
    ]);
    writeFileSync(join(folder, "foreign.tar"), toArchive(forgeFiles(layers)));
    return folder;
  }

  describe("what reads long says so, and its answer takes that away", () => {
    test.each([
      ["ls RESULT --reconcile --limit 1", /each path in a layer for itself/],
      ["plan RESULT --digests --limit 1", /layers/],
      ["ls foreign.tar", /app/],
      ["why foreign.tar sh", /sh-2/],
      ["diff foreign.tar foreign.tar", /2 paths/],
      ["sbom foreign.tar", /CycloneDX/],
      ["report foreign.tar -o report.html", /report\.html/],
    ])("%s", async (line, answer) => {
      const words = line.replace("RESULT", fortuneCat.link);
      const [foreign, cache] = [folderWithForeignImage(), temporaryFolder()];
      const said = await onTerminal(`XDG_CACHE_HOME=${cache} ${stowageWords.join(" ")} ${words}`, foreign);
      expect(said.exitCode).toBe(0);
      // How fast and how long is there after a while.
      expect(said.stdout).toMatch(/\r\u001b\[Kreading \d+% {2}[\d.]+ \w+ of [\d.]+ \w+/);
      const [, shown = ""] = /.*\r\u001b\[Kreading 100% [^\r]*\r\u001b\[K([^]*)$/s.exec(said.stdout) ?? [];
      expect(shown).toMatch(answer);
      const piped = await stowage(words.split(" "), {
        cwd: foreign,
        env: { ...nixEnvironment, XDG_CACHE_HOME: cache },
      });
      expect(piped).toMatchObject({ exitCode: 0 });
      expect(`${piped.stdout}${piped.stderr}`).not.toMatch(/reading \d+%/);
    });
  });

  test("nor does a page", async () => {
    const folder = temporaryFolder();
    const said = await onTerminal(`${stowageWords.join(" ")} report ${fortuneCat.link} -o -`, folder);
    expect(said.exitCode).toBe(2);
    expect(said.stdout).toContain("a page does not go to a terminal");
    expect(said.stdout.length).toBeLessThan(300);
    expect(readdirSync(folder)).toEqual([]);
    const piped = await stowage(["report", fortuneCat.link, "-o", "-"], { cwd: folder });
    expect(piped.stdout).toMatch(/^<!doctype html>/i);
  });

  test("in a pipe it shows no progress; with -q it says nothing at all", async () => {
    const folder = temporaryFolder();
    const piped = await stowage(["pack", fortuneCat.link], { cwd: folder });
    expect(piped.stdout).toBe("");
    expect(piped.stderr).toMatch(/^packed fortune-cat:latest into fortune-cat\.tar: [^\r\u001b]*$/);
    expect(await stowage(["-q", "pack", fortuneCat.link], { cwd: folder })).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    expect(await stowage(["pack", "-q", fortuneCat.link], { cwd: folder })).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
  });

  test("--json is one document with what was made", async () => {
    const folder = temporaryFolder();
    const { stdout, stderr } = await stowage(["pack", fortuneCat.link, "--json", "-t", "a:1", "-t", "b:2"], {
      cwd: folder,
    });
    const result = JSON.parse(stdout) as {
      layers: { paths: string[]; size: number; diffId: string; digest: string }[];
    };
    expect(result).toMatchObject({
      schemaVersion: 1,
      imageId: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      manifestDigest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      output: "fortune-cat.tar",
      tags: ["a:1", "b:2"],
      format: "archive",
      entrypoint: ["/result/bin/fortune-cat"],
      warnings: [],
    });
    for (const layer of result.layers)
      expect(layer).toEqual({
        paths: expect.any(Array),
        size: expect.any(Number),
        diffId: layer.digest,
        digest: layer.digest,
      });
    expect(stderr).toBe("");
  });

  test("a reader of the answer that has had enough is no failure", async () => {
    const line = `${stowageWords.join(" ")} pack ${fortuneCat.link} --dry-run --json; echo "status $?" >&2`;
    const { stderr } = await execa("sh", ["-c", `(${line}) | head -c 1 >/dev/null`], { env: nixEnvironment });
    expect(stderr).toBe("status 0");
  });

  test("in the checkout, npx --yes pnpm@12 --silent stowage passes words, status and a clean stdout", async () => {
    const run = (...words: string[]) =>
      execa("npx", ["--yes", "pnpm@12", "--silent", "stowage", ...words], {
        cwd: repository,
        env: nixEnvironment,
        reject: false,
      });
    expect(await run("--version")).toMatchObject({ exitCode: 0, stdout: "0.1.0" });
    const planned = await run("pack", fortuneCat.link, "--dry-run", "--json");
    expect(planned.exitCode).toBe(0);
    expect(JSON.parse(planned.stdout)).toMatchObject({ schemaVersion: 1 });
    expect((await run("pack", "/etc")).exitCode).toBe(3);
  });

  test("without a word it shows help and exits 2; --help exits 0; a mistyped verb is suggested", async () => {
    const nothing = await stowage([]);
    expect(nothing).toMatchObject({ exitCode: 2, stdout: "" });
    expect(nothing.stderr).toMatch(/Usage: stowage/);
    const help = await stowage(["pack", "--help"]);
    expect(help).toMatchObject({ exitCode: 0, stderr: "" });
    expect(help.stdout).toMatch(/stowage pack result && docker load/);
    expect((await stowage(["pak"])).stderr).toMatch(/Did you mean pack\?/);
  });

  test("-vv shows where an error comes from, -v does not", async () => {
    expect((await stowage(["-vv", "pack", "/etc"])).stderr).toMatch(/\n\s+at /);
    expect((await stowage(["-v", "pack", "/etc"])).stderr).not.toMatch(/\n\s+at /);
  });
});
