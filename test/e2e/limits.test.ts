import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { makeSparseFile } from "../bench/make-closure.ts";
import { campaignSize, share } from "../support/campaign.ts";
import { memoryCgroup } from "../support/memory-cgroup.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { fingerprint } from "../support/read-layout.ts";
import { makeSmallClosure } from "../support/small-closure.ts";
import { stowage, stowageWords, type Said } from "../support/stowage.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";

const ready = requirePrograms("nix-store", "prlimit", "mount");
const MIB = 2 ** 20;
const isRoot = process.getuid?.() === 0;

/** A store under another root with one path for each folder or file given. */
function makeStore(root: string, sources: readonly string[]): { url: string; paths: string[] } {
  const url = `local?root=${root}`;
  const paths = sources.map((source) =>
    execFileSync("nix-store", ["--store", url, "--add", source], {
      env: nixEnvironment,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim(),
  );
  return { url, paths };
}

/** Runs the command with limits of the system's, as `prlimit` names them. */
function limited(limits: readonly string[], words: readonly string[], cwd: string): Promise<Said> {
  const env = { ...nixEnvironment, XDG_CACHE_HOME: join(cwd, "..", "cache") };
  return execa("prlimit", [...limits, "--", ...stowageWords, ...words], { cwd, env, reject: false });
}

describe.skipIf(!ready)("with few file descriptors", () => {
  let folder: string;
  let words: readonly string[];

  /** Forty paths, one in each layer: more blobs than there may be files. */
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "stowage-limits-"));
    const sources = Array.from({ length: 40 }, (_, index) => join(folder, `path-${index}`));
    for (const [index, source] of sources.entries()) writeFileSync(source, `${index}`.repeat(100_000));
    const { url, paths } = makeStore(join(folder, "root"), sources);
    words = ["-q", "pack", "--store", url, ...paths, "--platform", "linux/amd64", "--layering", "per-path"];
  });
  afterAll(() => removeFolder(folder));

  test.each(["archive", "docker-archive", "oci-dir"])(
    "64 are enough for %s: the same bytes; with fewer it says so",
    async (format) => {
      const cwd = join(folder, format, "work");
      mkdirSync(cwd, { recursive: true });
      const pack = [...words, "--format", format, "-o"];
      expect(await limited([], [...pack, "expected"], cwd)).toMatchObject({ exitCode: 0, stderr: "" });
      for (const jobs of share(["1", "2", "5", "12"], 1)) {
        const packed = await limited(["--nofile=64"], [...pack, "output", "--jobs", jobs], cwd);
        expect(packed).toMatchObject({ exitCode: 0, stderr: "" });
        expect(fingerprint(join(cwd, "output"))).toEqual(fingerprint(join(cwd, "expected")));
        execFileSync("rm", ["-r", join(cwd, "output")]);
      }
      const few = await limited(["--nofile=26"], [...pack, "output"], cwd);
      expect(few.stderr).toMatch(/^stowage: .*(too many files are open|EMFILE).*\n {2}Raise the limit.*$/);
      expect(few.exitCode).toBe(4);
      expect(readdirSync(cwd)).toEqual(["expected"]);
    },
  );
});

describe.skipIf(!ready)("memory", () => {
  /** Packs a file of zeros behind some words; returns how much memory the process had at most, in MiB. */
  async function packZeros(megabytes: number, before: readonly string[]): Promise<number> {
    const { root, store } = await makeSparseFile(temporaryFolder(), megabytes * MIB);
    const report = `process.on("exit", () => console.error(process.resourceUsage().maxRSS))`;
    const env = {
      ...nixEnvironment,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(report)}`,
    };
    const pack = ["-q", "pack", "--store", store, root, "--platform", "linux/amd64", "--jobs", "2"];
    const words = [...before, ...stowageWords, ...pack, "-o", "/dev/null"];
    const packed = await execa("env", words, { env, reject: false });
    expect(packed.exitCode, packed.stderr).toBe(0);
    // Each thread says it of the whole process.
    return Math.max(...packed.stderr.split("\n").map(Number)) / 1024;
  }

  test("of addresses (ulimit -v) does not grow with a file: one larger than what may be had is packed", async () => {
    const small = await packZeros(8, []);
    // Node itself reserves two gigabytes.
    const large = await packZeros(campaignSize({ ci: 2500, long: 5 * 1024 }), [
      "prlimit",
      "--as=2600000000",
      "--",
    ]);
    expect(large - small).toBeLessThan(100);
  });

  test("of all kinds is little for a large file, the kernel's for it too: a control group with 200 MiB is enough", async () => {
    using group = memoryCgroup(200 * MIB);
    if (group === undefined) {
      process.stderr.write("skipped test: no control group for memory can be made\n");
      return;
    }
    await packZeros(campaignSize({ ci: 600, long: 5 * 1024 }), group.prefix);
    expect(group.peak()).toBeLessThanOrEqual(200 * MIB);
    expect(group.peak()).toBeGreaterThan(20 * MIB);
  });
});

describe.skipIf(!ready || !isRoot)("file systems", () => {
  function mountTmpfs(folder: string, options: string): void {
    mkdirSync(folder, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "none", folder]);
    onTestFinished(() => void execFileSync("umount", [folder]));
  }

  test("a store, an output and a cache on three file systems, the store's read-only", async () => {
    using small = makeSmallClosure();
    const folder = temporaryFolder();
    const [store, output, cache] = ["store", "output", "cache"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    for (const place of [store, output, cache]) mountTmpfs(place, "size=64m");
    execFileSync("cp", ["-a", `${small.root}/.`, store]);
    const files = join(store, "nix/store");
    execFileSync("mount", ["--bind", files, files]);
    onTestFinished(() => void execFileSync("umount", [files]));
    execFileSync("mount", ["-o", "remount,ro,bind", files]);
    const words = small.pack.map((word) => (word === small.url ? `local?root=${store}` : word));
    const expected = join(folder, "image.tar");
    expect((await stowage([...small.pack, "-o", expected])).exitCode).toBe(0);
    const env = { ...nixEnvironment, XDG_CACHE_HOME: cache };
    const packed = await stowage([...words, "-o", join(output, "image.tar")], { env });
    expect(packed).toMatchObject({ exitCode: 0, stderr: "" });
    expect(fingerprint(join(output, "image.tar"))).toEqual(fingerprint(expected));
  });

  test("a store whose database is read-only too cannot be asked by a Nix that cannot: it says so", async () => {
    using small = makeSmallClosure();
    const folder = temporaryFolder();
    const store = join(folder, "store");
    mountTmpfs(store, "size=64m");
    execFileSync("cp", ["-a", `${small.root}/.`, store]);
    execFileSync("mount", ["-o", "remount,ro", store]);
    const words = small.pack.map((word) => (word === small.url ? `local?root=${store}` : word));
    const cwd = join(folder, "work");
    mkdirSync(cwd);
    const packed = await stowage([...words, "-o", "image.tar"], { cwd });
    if (packed.exitCode !== 0) {
      expect(packed.stderr).toMatch(/^stowage: the store's database cannot be read: .*\n {2}[A-Z].*$/);
      expect(packed.exitCode).toBe(4);
      expect(readdirSync(cwd)).toEqual([]);
    }
  });

  test("a cache with no room left is a notice at most, and harms no later pack", async () => {
    using small = makeSmallClosure();
    const folder = temporaryFolder();
    const cache = join(folder, "cache");
    mountTmpfs(cache, "size=64k,nr_inodes=10");
    writeFileSync(join(cache, "full"), "");
    const env = { ...nixEnvironment, XDG_CACHE_HOME: cache };
    const words = [...small.pack, "--format", "oci-dir", "-o"];
    expect((await stowage([...words, join(folder, "expected")])).exitCode).toBe(0);
    const packed = await stowage([...words, join(folder, "output")], { env });
    expect(packed.exitCode, packed.stderr).toBe(0);
    expect(fingerprint(join(folder, "output"))).toEqual(fingerprint(join(folder, "expected")));
    execFileSync("mount", ["-o", "remount,nr_inodes=1000", cache]);
    for (const name of ["first", "second"])
      expect((await stowage([...words, join(folder, name)], { env })).exitCode).toBe(0);
    expect(fingerprint(join(folder, "second"))).toEqual(fingerprint(join(folder, "first")));
  });
});
