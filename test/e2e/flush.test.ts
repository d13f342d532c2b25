import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeSparseFile } from "../bench/make-closure.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
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
});
