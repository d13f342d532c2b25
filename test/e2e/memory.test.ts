import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeClosure, makeSparseFile, type MadeClosure } from "../bench/make-closure.ts";
import { copyToCache } from "../support/binary-cache.ts";
import { campaignSize } from "../support/campaign.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { stowageWords } from "../support/stowage.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";

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
  const folder = mkdtempSync(join(tmpdir(), "stowage-memory-"));
  const baselines = new Map<string, Promise<number>>();
  let small: MadeClosure;

  beforeAll(async () => {
    small = await makeSparseFile(join(folder, "small"), 8 * MIB);
  });

  afterAll(() => removeFolder(folder));

  /** What one small file takes in the same way. */
  const baseline = (way: readonly string[]): Promise<number> => {
    const key = way.join(" ");
    const known = baselines.get(key) ?? packed(small, way);
    baselines.set(key, known);
    return known;
  };

  describe("one file", () => {
    let large: MadeClosure;
    beforeAll(async () => {
      large = await makeSparseFile(join(folder, "large"), campaignSize({ ci: 256, long: 9216 }) * MIB);
    });

    test.each(ways)("%s %s", async (...way) => {
      const [less, more] = await Promise.all([baseline(way), packed(large, way)]);
      expect(more - less).toBeLessThan(NOISE);
    });
  });

  describe("many files", () => {
    let many: MadeClosure;
    beforeAll(async () => {
      const files = campaignSize({ ci: 20_000, long: 100_000 });
      many = await makeClosure(join(folder, "many"), { paths: 5, files, bytes: 100 * files });
    });

    test.each(ways.slice(0, 2))("%s %s", async (...way) => {
      const [less, more] = await Promise.all([baseline(way), packed(many, way)]);
      expect(more - less).toBeLessThan(NOISE);
    });
  });

  describe("many files and blocks", () => {
    let blocks: MadeClosure;
    beforeAll(async () => {
      const files = campaignSize({ ci: 8_000, long: 100_000 });
      const bytes = campaignSize({ ci: 320e6, long: 1.6e9 });
      blocks = await makeClosure(join(folder, "blocks"), { paths: 50, files, bytes });
    });

    test("eight jobs take less than 350 MB", async () => {
      for (const way of [
        ["--compression", "zstd"],
        ["--format", "oci-dir"],
      ])
        expect((await packed(blocks, way, 8)) * MIB, way.join(" ")).toBeLessThan(350e6);
    });

    test("six that take what comes from a binary cache do so too", async () => {
      const cache = join(folder, "cache");
      copyToCache([blocks.root], { folder: cache, compression: "none", from: blocks.store });
      const far = { ...blocks, store: `file://${cache}` };
      expect((await packed(far, ["--compression", "gzip:1", "--no-check-sigs"], 6)) * MIB).toBeLessThan(
        350e6,
      );
    });
  });
});

/** Packs a closure as on a machine with a processor for each job; returns how much memory the process had at most, in MiB. */
async function packed({ root, store }: MadeClosure, way: readonly string[], jobs = 2): Promise<number> {
  const folder = temporaryFolder();
  const machine = `import { syncBuiltinESMExports } from "node:module";
    import os from "node:os";
    os.availableParallelism = () => ${jobs};
    syncBuiltinESMExports();
    process.on("exit", () => console.error(process.resourceUsage().maxRSS));`;
  const env = {
    ...nixEnvironment,
    XDG_CACHE_HOME: join(folder, "cache"),
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(machine)}`,
  };
  const output = join(folder, "output");
  const pack = ["-q", "pack", root, "--store", store, "--platform", "linux/amd64", "--jobs", `${jobs}`];
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
