import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { narHashToHex, readTree, storePathName, type Store, type StorePath } from "@stowage/nix";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** A store under test, with the means to fill it. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Runs `nix-store` on the same store and returns what it prints. */
  readonly nixStore: (...words: string[]) => string;
}

/** Tests of the suite that do not fit an implementation, each with the reason. */
interface Skips {
  readonly protects?: string;
  /** Names of packages cannot be asked for. */
  readonly finds?: string;
  /** What is inside a path shows only when its tree is opened. */
  readonly elsewhere?: string;
}

/** What every implementation of `Store` has to do. */
export function describeStore(name: string, open: () => StoreUnderTest, skips: Skips = {}): void {
  describe(name, () => {
    /** Adds a folder as a store path. */
    const add = ({ nixStore }: StoreUnderTest, pathName = "thing-1.2"): StorePath => {
      const source = join(temporaryFolder(), pathName);
      mkdirSync(join(source, "bin"), { recursive: true });
      writeFileSync(join(source, "bin/thing"), `${Math.random()}`);
      return nixStore("--add", source) as StorePath;
    };

    test("resolves a store path, a path inside one, a link, a link to a link", async () => {
      const under = open();
      const path = add(under);
      const folder = temporaryFolder();
      symlinkSync(path, join(folder, "result"));
      symlinkSync("result", join(folder, "again"));
      for (const given of [path, join(folder, "result"), join(folder, "again")]) {
        expect(await under.store.resolveTarget(given)).toEqual({ given, storePath: path, subpath: "" });
      }
      expect(await under.store.resolveTarget(`${path}/bin/thing`)).toMatchObject({
        storePath: path,
        subpath: "bin/thing",
      });
      expect(await under.store.resolveTarget(join(folder, "again/bin"))).toMatchObject({
        storePath: path,
        subpath: "bin",
      });
    });

    test("refuses what is no target, each with its code", async () => {
      const under = open();
      const path = add(under);
      const cases: (readonly [string, string])[] = [
        ["", "target-empty"],
        ["a\0b", "target-empty"],
        ["/nonexistent/result", "target-missing"],
        ...(skips.elsewhere === undefined
          ? ([
              [`${path}/nothing/there`, "target-missing"],
              [`${under.store.storeDir}/${"0".repeat(32)}-gone`, "target-missing"],
            ] as const)
          : []),
        ["/etc", "target-not-in-store"],
        [`${under.store.storeDir}/not-a-store-path`, "target-not-in-store"],
        [`${under.store.storeDir}/${"0".repeat(32)}-x.drv`, "target-is-derivation"],
      ];
      for (const [given, code] of cases) {
        await expect(under.store.resolveTarget(given), given).rejects.toMatchObject({ code });
      }
    });

    test("says of a closure what Nix says", async () => {
      const under = open();
      const path = add(under);
      const closure = await under.store.queryClosure([path]);
      expect(closure).toMatchObject({ storeDir: under.store.storeDir, roots: [path] });
      expect(closure.paths).toMatchObject([
        { path, references: [], narSize: Number(under.nixStore("--query", "--size", path)) },
      ]);
    });

    test("knows of an invalid path that it is one", async () => {
      const under = open();
      const gone = `${under.store.storeDir}/${"0".repeat(32)}-gone` as StorePath;
      await expect(under.store.queryClosure([gone])).rejects.toMatchObject({
        code: "path-invalid",
        path: gone,
      });
    });

    test("knows of many paths which are valid, in one answer", async () => {
      const under = open();
      const paths = [add(under), add(under, "other-2")];
      const gone = `${under.store.storeDir}/${"0".repeat(32)}-gone` as StorePath;
      const elsewhere = `/elsewhere/store/${"0".repeat(32)}-other` as StorePath;
      const infos = await under.store.queryValid([gone, ...paths, elsewhere]);
      expect(infos.map(({ path }) => path).toSorted()).toEqual(paths.toSorted());
      expect(infos).toContainEqual((await under.store.queryClosure(paths.slice(0, 1))).paths[0]);
      expect(await under.store.queryValid([gone])).toEqual([]);
      expect(await under.store.queryValid([])).toEqual([]);
    });

    test("reads a path's tree", async () => {
      const under = open();
      const path = add(under);
      await using trees = await under.store.openTrees([path]);
      const entries = [...readTree(trees.locate(path))].map((entry) => [entry.type, entry.path.toString()]);
      expect(entries).toEqual([
        ["directory", ""],
        ["directory", "bin"],
        ["file", "bin/thing"],
      ]);
    });

    test("gives a path's NAR as it comes, expected or not", async () => {
      const under = open();
      const paths = [add(under), add(under, "other-2"), add(under, "more-3")];
      const { paths: infos } = await under.store.queryClosure(paths);
      under.store.expectNars(paths.slice(0, 2));
      for (const { path, narHash, narSize } of infos) {
        const hash = createHash("sha256");
        let size = 0;
        for await (const chunk of under.store.readNar(path)) {
          hash.update(chunk);
          size += chunk.length;
        }
        expect({ path, hash: hash.digest("hex"), size }).toEqual({
          path,
          hash: narHashToHex(narHash),
          size: narSize,
        });
      }
    });

    test("protects a path from being deleted for as long as it is asked to", async (context) => {
      if (skips.protects !== undefined) return context.skip(skips.protects);
      const under = open();
      const path = add(under);
      const onDisk = under.store.locateTree(path)?.directory as string;
      {
        await using protection = await under.store.protect([path]);
        expect(protection.warning).toBeUndefined();
        expect(() => under.nixStore("--delete", path)).toThrow(/still alive|Command failed/);
        expect(existsSync(onDisk)).toBe(true);
      }
      under.nixStore("--delete", path);
      expect(existsSync(onDisk)).toBe(false);
    });

    test("finds packages by name, the first name's first, the newest version first", async (context) => {
      if (skips.finds !== undefined) return context.skip(skips.finds);
      const under = open();
      // Letters only: a digit after a hyphen would begin the version.
      const unique = `contract${Array.from({ length: 12 }, () => String.fromCodePoint(97 + Math.floor(Math.random() * 26))).join("")}`;
      for (const version of ["1.9", "1.10", "1.2"]) add(under, `${unique}-${version}`);
      add(under, `${unique}-other-3`);
      const found = await under.store.findPackages([`${unique}-other`, unique]);
      expect(found.map((path) => storePathName(path).slice(unique.length + 1))).toEqual([
        "other-3",
        "1.10",
        "1.9",
        "1.2",
      ]);
    });

    test("gives up when it is told to", async () => {
      const under = open();
      const path = add(under);
      const signal = AbortSignal.abort(new Error("enough"));
      await expect(under.store.queryClosure([path], { signal })).rejects.toThrow("enough");
    });
  });
}

/** Runs `nix-store` with words of its own in front. */
export function nixStoreWith(words: readonly string[], env: NodeJS.ProcessEnv): StoreUnderTest["nixStore"] {
  return (...more) =>
    execFileSync("nix-store", [...words, ...more], {
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    }).trim();
}
