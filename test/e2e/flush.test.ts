import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeSparseFile } from "../bench/make-closure.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { stowage } from "../support/stowage.ts";
import { traceStowage, type Traced } from "../support/strace.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ready = requirePrograms("nix-store", "strace");

/** Of zeros, so that it costs no room in the store; more than is written before the disk begins. */
const FILE_BYTES = 300 * 1024 * 1024;

describe.skipIf(!ready)("a large output goes to the disk while it is written", () => {
  test.each([
    ["archive", ["--format", "archive"]],
    ["layout", ["--format", "oci-dir"]],
  ])("%s: what fails then fails the pack, and nothing is left", async (_, words) => {
    const folder = temporaryFolder();
    const { store, root } = await makeSparseFile(join(folder, "made"), FILE_BYTES);
    const run = async (name: string, expression: string): Promise<Traced> => {
      const cwd = temporaryFolder();
      const env = { ...nixEnvironment, XDG_CACHE_HOME: join(folder, "caches", name) };
      const pack = ["-q", "pack", root, "--store", store, "--platform", "linux/amd64", ...words];
      const traced = await traceStowage([...pack, "-o", "output"], { cwd, env, expression });
      expect(readdirSync(cwd)).toEqual(traced.exitCode === 0 ? ["output"] : []);
      return traced;
    };
    const whole = await run("whole", "trace=fdatasync");
    expect(whole).toMatchObject({ exitCode: 0, stderr: "" });
    expect(whole.log.some((line) => line.includes("fdatasync("))).toBe(true);
    const failed = await run("failed", "inject=fdatasync:error=EIO:when=1");
    expect(failed.exitCode).toBe(4);
    expect(failed.stderr).toMatch(/^stowage: .*output.*\n {2}[A-Z].*\.\n$/);
  });

  test("but with --no-sync", async () => {
    const folder = temporaryFolder();
    const { store, root } = await makeSparseFile(join(folder, "made"), FILE_BYTES);
    const pack = ["-q", "pack", root, "--store", store, "--platform", "linux/amd64", "--no-sync"];
    const { exitCode, log } = await traceStowage([...pack, "-o", "output"], {
      cwd: folder,
      env: { ...nixEnvironment, XDG_CACHE_HOME: "/dev/null/none" },
      expression: "trace=fsync,fdatasync,rename",
    });
    expect(exitCode).toBe(0);
    expect(log.some((line) => line.includes("rename("))).toBe(true);
    expect(log.filter((line) => /\bf(data)?sync\(/.test(line))).toEqual([]);
  });
});

describe.skipIf(!ready)("--no-sync", () => {
  let small: SmallClosure;
  beforeAll(() => {
    small = makeSmallClosure();
  });
  afterAll(() => small[Symbol.dispose]());
  const env = { ...nixEnvironment, XDG_CACHE_HOME: "/dev/null/none" };

  test.each([[], ["--format", "docker-archive"], ["--compression", "zstd"]])(
    "the same file, at its place at once, and nothing is flushed: %s %s",
    async (...words) => {
      const cwd = temporaryFolder();
      const flushes = async (output: string, ...more: string[]): Promise<number> => {
        const traced = await traceStowage([...small.pack, ...words, ...more, "-o", output], {
          cwd,
          env,
          expression: "trace=fsync,fdatasync,rename",
        });
        expect(traced).toMatchObject({ exitCode: 0 });
        const named = traced.log.filter((line) => line.includes(`rename("${cwd}/`));
        expect(named).toHaveLength(1);
        return traced.log.filter((line) => /\bf(data)?sync\(/.test(line)).length;
      };
      // The file and its folder.
      expect(await flushes("flushed")).toBe(2);
      expect(await flushes("not", "--no-sync")).toBe(0);
      expect(readdirSync(cwd).toSorted()).toEqual(["flushed", "not"]);
      expect(readFileSync(join(cwd, "not"))).toEqual(readFileSync(join(cwd, "flushed")));
    },
  );

  test.each([
    ["a layout directory", ["--format", "oci-dir", "-o", "layout"], "take another --format"],
    ["stdout", ["-o", "-"], "name a file with -o"],
    ["stdout, a dry run", ["-o", "-", "--dry-run"], "name a file with -o"],
    ["a device", ["-o", "/dev/null"], "name a file with -o"],
    ["a registry alone", ["--push", "127.0.0.1:1/app:1"], "name a file with -o"],
  ])("%s is refused: there is nothing to leave out", async (_, words, instead) => {
    const cwd = temporaryFolder();
    const { exitCode, stderr } = await stowage([...small.pack, "--no-sync", ...words], { cwd, env });
    expect(exitCode).toBe(2);
    const [message, hint] = stderr.split("\n");
    expect(message).toMatch(/^stowage: --no-sync is for an archive in a file: \S/);
    expect(hint).toBe(`  Leave it out, or ${instead}.`);
    expect(readdirSync(cwd)).toEqual([]);
  });
});
