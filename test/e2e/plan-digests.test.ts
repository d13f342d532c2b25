import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pack, plan } from "@stowage/core";
import { describe, expect, test } from "vitest";
import { makeChrootStore } from "../support/chroot-store.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ready = requirePrograms("nix-store");

function makeBench() {
  const store = makeChrootStore(["one", "two", "three"]);
  const cacheHome = temporaryFolder();
  const request = {
    targets: store.paths,
    store: store.url,
    layering: "per-path" as const,
    environment: { ...nixEnvironment, XDG_CACHE_HOME: cacheHome },
  };
  return { store, cacheHome, request };
}

describe.skipIf(!ready)("plan with digests", () => {
  test("the digests are those that pack writes, and nothing but the digest cache is written", async () => {
    const { cacheHome, request } = makeBench();
    const folder = temporaryFolder();
    const plain = await plan(request);
    expect(plain.layers.every(({ digest, diffId }) => digest === undefined && diffId === undefined)).toBe(
      true,
    );
    const planned = await plan({ ...request, digests: true });
    expect(readdirSync(cacheHome)).toEqual(["stowage"]);
    expect(readdirSync(folder)).toEqual([]);

    // A cache of its own: the digests are made from the files once more.
    const packed = await pack({
      ...request,
      environment: { ...nixEnvironment, XDG_CACHE_HOME: temporaryFolder() },
      platform: "linux/amd64",
      output: join(folder, "image.tar"),
    });
    const written = packed.layers.slice(0, -1);
    expect(planned.layers.map(({ digest, diffId, size }) => ({ digest, diffId, size }))).toEqual(
      written.map(({ digest, diffId, size }) => ({ digest, diffId, size })),
    );
    expect(planned.layers.map(({ size }) => size)).toEqual(plain.layers.map(({ size }) => size));
  });

  test("what the digest cache knows is not read again, and what it learns pack knows", async () => {
    const { store, cacheHome, request } = makeBench();
    const first = await plan({ ...request, digests: true });
    expect(readdirSync(join(cacheHome, "stowage/digests"))).toHaveLength(3);
    // Files that were read now would have another NAR hash, which is an error.
    store.overwrite(store.paths[0] as string, "share/text", "eno\n");
    const again = await plan({ ...request, digests: true });
    expect(again.layers).toEqual(first.layers);
    const known = await pack({ ...request, platform: "linux/amd64", dryRun: "digests" });
    expect(known.layers.slice(0, -1).map(({ digest }) => digest)).toEqual(
      first.layers.map(({ digest }) => digest),
    );
  });

  test("any number of jobs gives the same, a number that is none is told", async () => {
    const { request } = makeBench();
    const digests = async (jobs: number) => {
      const environment = { ...nixEnvironment, XDG_CACHE_HOME: temporaryFolder() };
      const { layers } = await plan({ ...request, environment, digests: true, jobs });
      return layers.map(({ digest }) => digest);
    };
    const one = await digests(1);
    expect(one.every((digest) => digest?.startsWith("sha256:"))).toBe(true);
    expect(await digests(3)).toEqual(one);
    await expect(digests(0)).rejects.toThrow("--jobs must be a whole number from 1 to 1024, not 0");
    const { exitCode, stderr } = await stowage(["plan", "result", "--jobs", "many"]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("--jobs") });
  });

  test("where both diffIDs are known they decide what an upgrade keeps", async () => {
    const { request } = makeBench();
    const expected = { ...request, layering: "expected" as const };
    const first = await plan({ ...expected, digests: true });
    const previous = join(temporaryFolder(), "plan.json");
    const upgrade = async (layers: unknown) => {
      writeFileSync(previous, JSON.stringify({ schemaVersion: 1, ...first, layers }));
      return (await plan({ ...expected, previous })).upgrade;
    };
    expect((await upgrade(first.layers))?.sent).toMatchObject({ layers: [], size: 0 });
    const [bottom, ...others] = first.layers;
    const changed = await upgrade([{ ...bottom, diffId: `sha256:${"0".repeat(64)}` }, ...others]);
    expect(changed?.sent).toMatchObject({ layers: [0], size: bottom?.size, changedNarSize: 0 });
  });

  test("a path that is not what the store says has no digest", async () => {
    const { store, cacheHome, request } = makeBench();
    store.overwrite(store.paths[0] as string, "share/text", "eno\n");
    await expect(plan({ ...request, digests: true })).rejects.toThrow(store.paths[0]);
    expect(
      readdirSync(cacheHome, { recursive: true }).filter((name) => /digests\/./.test(String(name))).length,
    ).toBeLessThan(3);
  });
});
