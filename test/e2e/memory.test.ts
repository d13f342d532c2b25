import { rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { makeClosure, makeSparseFile, type MadeClosure } from "../bench/make-closure.ts";
import { campaignSize } from "../support/campaign.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { stowageWords } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ready = requirePrograms("nix-store");
const MIB = 2 ** 20;

/** What one and the same closure may take more or less, in MiB: the collector has a will of its own. */
const NOISE = 100;

const ways: readonly (readonly string[])[] = [
  ["--format", "archive"],
  ["--format", "oci-dir"],
  ["--compression", "gzip:1"],
  ["--compression", "zstd:1"],
  ["-o", "-"],
];

describe.skipIf(!ready)("memory is the same however large a closure is", () => {
  test.each(ways)("one file: %s %s", async (...way) => {
    const folder = temporaryFolder();
    const small = await makeSparseFile(join(folder, "small"), 8 * MIB);
    const large = await makeSparseFile(join(folder, "large"), campaignSize({ ci: 256, long: 9216 }) * MIB);
    expect((await packed(large, folder, way)) - (await packed(small, folder, way))).toBeLessThan(NOISE);
  });

  test.each(ways.slice(0, 2))("many files: %s %s", async (...way) => {
    const folder = temporaryFolder();
    const closure = (name: string, files: number): Promise<MadeClosure> =>
      makeClosure(join(folder, name), { paths: 5, files, bytes: 100 * files });
    const small = await closure("small", 500);
    const large = await closure("large", campaignSize({ ci: 20_000, long: 100_000 }));
    expect((await packed(large, folder, way)) - (await packed(small, folder, way))).toBeLessThan(NOISE);
  });
});

/** Packs a closure; returns how much memory the process had at most, in MiB. */
async function packed({ root, store }: MadeClosure, folder: string, way: readonly string[]): Promise<number> {
  const report = `process.on("exit", () => console.error(process.resourceUsage().maxRSS))`;
  const env = {
    ...nixEnvironment,
    XDG_CACHE_HOME: join(folder, "cache"),
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(report)}`,
  };
  const output = join(folder, "output");
  const pack = ["-q", "pack", root, "--store", store, "--platform", "linux/amd64", "--jobs", "2"];
  const [program = "", ...rest] = stowageWords;
  const said = await execa(program, [...rest, ...pack, "-o", output, ...way], {
    env,
    reject: false,
    stdout: "ignore",
  });
  expect(said.exitCode, said.stderr).toBe(0);
  rmSync(output, { recursive: true, force: true });
  // Each thread says it of the whole process.
  return Math.max(...said.stderr.split("\n").map(Number)) / 1024;
}
