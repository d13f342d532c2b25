import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pack, reconcile, type ReadProgress, type Reconciliation, type SizeParts } from "@stowage/core";
import { copyToCache, makeCacheKey } from "../support/binary-cache.ts";
import { registrationOf } from "../support/closure-files.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { validate } from "../support/schema.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

describe.skipIf(!requirePrograms("nix", "nix-store"))("sizes side by side", () => {
  let closure: SmallClosure;
  let answer: Reconciliation;
  beforeAll(async () => {
    closure = makeSmallClosure();
    answer = await reconcile({
      targets: closure.paths,
      store: closure.url,
      compression: "gzip",
      environment: nixEnvironment,
    });
  });
  afterAll(() => closure[Symbol.dispose]());

  /** The size of each path's layer, which it has for itself. */
  async function packedSizes(compression: string): Promise<Map<string, number>> {
    const { layers } = await pack({
      targets: closure.paths,
      store: closure.url,
      layering: "per-path",
      compression,
      platform: "linux/amd64",
      output: join(temporaryFolder(), "image.tar"),
      environment: nixEnvironment,
    });
    return new Map(
      layers.flatMap(({ paths, size }) => (paths.length === 1 ? [[paths[0] as string, size]] : [])),
    );
  }

  test("a compressed layer is as large as the one that pack writes, a tar as what it adds to its layer", async () => {
    const compressed = await packedSizes("gzip");
    const plain = await packedSizes("none");
    expect(answer.paths.length).toBe(closure.paths.length);
    for (const { path, compressedSize, tarSize } of answer.paths) {
      expect([path, compressedSize]).toEqual([path, compressed.get(path)]);
      const overhead = (plain.get(path) ?? 0) - tarSize;
      expect(overhead).toBeGreaterThan(0);
      expect(overhead).toBeLessThanOrEqual(answer.totals.layerOverhead);
    }
  });

  test("contents are what the files hold, entries what find counts, and the parts add up", () => {
    const count = (path: string, ...words: string[]): number =>
      execFileSync("find", [`${closure.root}${path}`, ...words, "-printf", "%s\n"], { encoding: "utf8" })
        .split("\n")
        .reduce((sum, line) => sum + Number(line), 0);
    for (const { path, contentSize, entries, tarSize, headerSize, paddingSize, narSize } of answer.paths) {
      expect(contentSize).toBe(count(path, "-type", "f"));
      const listed = execFileSync("find", [`${closure.root}${path}`], { encoding: "utf8" });
      expect(entries).toBe(listed.trimEnd().split("\n").length);
      expect(tarSize).toBe(contentSize + headerSize + paddingSize);
      expect(narSize).toBeGreaterThan(contentSize);
    }
    const { totals, paths } = answer;
    for (const key of ["narSize", "contentSize", "tarSize", "headerSize", "paddingSize", "entries"] as const)
      expect(totals[key]).toBe(paths.reduce((sum, path) => sum + path[key], 0));
  });

  test("the command: a table with the differences explained, and JSON", async () => {
    const words = ["ls", "--store", closure.url, ...closure.paths, "--reconcile"];
    const { stdout } = await stowage([...words, "--limit", "1"]);
    expect(stdout).toMatch(
      /^ +NAR +disk +tar +zstd:3 +contents +entries +path\n.*-data-2\.0\n… and 4 more\n/,
    );
    for (const form of ["contents", "NAR", "disk", "tar", "zstd:3"])
      expect(stdout).toMatch(new RegExp(`^${form} +[\\d.]+ (B|KiB|MiB) {2}\\S`, "m"));
    const json = await stowage([...words, "--compression", "none", "--json"]);
    expect(validate("ls", json.stdout)["totals"]).not.toHaveProperty("compressedSize");
  });

  test.each(["gzip", "none"])(
    "a binary cache has all sizes but those on a disk, with %s",
    async (compression) => {
      const folder = temporaryFolder();
      const key = makeCacheKey(folder);
      const cache = { folder: join(folder, "cache"), key, from: closure.url };
      copyToCache(closure.paths, cache);
      const store = `file://${cache.folder}`;
      const common = { targets: closure.paths, compression, environment: nixEnvironment };
      const told: ReadProgress[] = [];
      const far = await reconcile({
        ...common,
        store,
        trustedPublicKeys: [key.publicKey],
        onProgress: (progress) => told.push(progress),
      });
      const near = await reconcile({ ...common, store: closure.url });
      const withoutDisk = (sizes: Partial<SizeParts>): unknown => {
        const { onDiskSize, ...others } = sizes;
        expect(onDiskSize).toBeTypeOf("number");
        return others;
      };
      expect(far.paths).toEqual(near.paths.map(withoutDisk));
      expect(far.totals).toEqual(withoutDisk(near.totals));
      expect(near.totals.onDiskSize).toBeGreaterThan(0);
      if (compression === "gzip") expect(told.at(-1)).toMatchObject({ read: far.totals.narSize });

      const words = ["ls", ...closure.paths, "--reconcile", "--compression", compression];
      const chosen = ["--store", store, "--trusted-public-key", key.publicKey];
      const said = await stowage([...words, ...chosen]);
      expect(said).toMatchObject({ exitCode: 0, stderr: "" });
      expect(said.stdout).toMatch(/^disk +- {2}.*binary cache.*$/m);
      expect(said.stdout).toMatch(/^ *[\d.]+ MiB +- +[\d.]+ MiB .*-data-2\.0$/m);
      validate("ls", (await stowage([...words, ...chosen, "--json"])).stdout);
    },
  );

  test("words that cannot be meant, and files that are not here", async () => {
    for (const words of [["--tree"], ["--cut"], ["--on-disk"], ["--sort", "closure"]]) {
      const { exitCode, stderr } = await stowage([
        "ls",
        "--store",
        closure.url,
        ...closure.paths,
        "--reconcile",
        ...words,
      ]);
      expect({ words, exitCode }).toEqual({ words, exitCode: 2 });
      expect(stderr).toContain("--reconcile");
    }
    expect((await stowage(["ls", "x", "--compression", "gzip"])).exitCode).toBe(2);
    const text = registrationOf({ "gone-1": [] });
    await expect(reconcile({ targets: [], text, environment: nixEnvironment })).rejects.toMatchObject({
      code: "not-found",
    });
  });
});
