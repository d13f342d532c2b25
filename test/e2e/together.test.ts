import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "@stowage/oci";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { campaignSize } from "../support/campaign.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { fingerprint, readLayoutNames } from "../support/read-layout.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { expectMatchesNix } from "../support/sound-image.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const tags = ["one:1", "two:1", "three:1", "four:1"];

describe.skipIf(!requirePrograms("nix-store"))("packs at once, with one cache", () => {
  let small: SmallClosure;
  beforeAll(() => {
    small = makeSmallClosure();
  });
  afterAll(() => small[Symbol.dispose]());

  /** Packs an image for each tag to the same place at the same time. */
  async function packAtOnce(format: string): Promise<{ cwd: string; cache: string }> {
    const folder = temporaryFolder();
    const [cwd, cache] = [join(folder, "work"), join(folder, "cache")];
    mkdirSync(cwd);
    const env = { ...nixEnvironment, XDG_CACHE_HOME: cache };
    const words = [...small.pack, "--format", format, "-o", "output", "-t"];
    const said = await Promise.all(tags.map((tag) => stowage([...words, tag], { cwd, env })));
    for (const one of said) expect(one).toMatchObject({ exitCode: 0, stderr: "" });
    expect(readdirSync(cwd)).toEqual(["output"]);
    await expectMatchesNix(join(cwd, "output"), { store: small.url });
    expect(readdirSync(join(cache, "stowage/roots"))).toEqual([]);
    return { cwd, cache };
  }

  /** What the cache remembers makes the layout that a pack without it makes. */
  async function expectCacheRight(cache: string): Promise<void> {
    const made = await Promise.all(
      [cache, join(temporaryFolder(), "none")].map(async (one) => {
        const output = join(temporaryFolder(), "layout");
        const env = { ...nixEnvironment, XDG_CACHE_HOME: one };
        const words = [...small.pack, "-t", "one:1", "--format", "oci-dir", "-o", output];
        expect((await stowage(words, { env })).exitCode).toBe(0);
        return fingerprint(output);
      }),
    );
    expect(made[0]).toEqual(made[1]);
  }

  test.each(["archive", "docker-archive"])("into one %s: it is one of them, whole", async (format) => {
    const alone = await Promise.all(
      tags.map(async (tag) => {
        const file = join(temporaryFolder(), "alone");
        expect((await stowage([...small.pack, "--format", format, "-t", tag, "-o", file])).exitCode).toBe(0);
        return fingerprint(file);
      }),
    );
    for (let round = 0; round < campaignSize({ ci: 1, long: 10 }); round++) {
      const { cwd, cache } = await packAtOnce(format);
      expect(alone).toContainEqual(fingerprint(join(cwd, "output")));
      await expectCacheRight(cache);
    }
  });

  test("into one layout: all of them", async () => {
    for (let round = 0; round < campaignSize({ ci: 1, long: 10 }); round++) {
      const { cwd, cache } = await packAtOnce("oci-dir");
      const names = [...readLayoutNames(join(cwd, "output")).keys()].toSorted();
      expect(names).toEqual(tags.map((tag) => `docker.io/library/${tag}`).toSorted());
      await expectCacheRight(cache);
    }
  });

  test("into one file where another lies: nobody ever finds half of one", async () => {
    const cwd = temporaryFolder();
    const output = join(cwd, "output");
    writeFileSync(output, "before");
    const over = new AbortController();
    const packing = Promise.all(
      tags.map((tag) => stowage([...small.pack, "-t", tag, "-o", output], { cwd })),
    ).finally(() => over.abort());
    const seen = new Map<string, number>();
    while (!over.signal.aborted) {
      const found = fingerprint(output)?.[""] ?? "nothing";
      seen.set(found, (seen.get(found) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const { exitCode } of await packing) expect(exitCode).toBe(0);
    const whole = await Promise.all(
      tags.map(async (tag) => {
        const file = join(temporaryFolder(), "alone");
        await stowage([...small.pack, "-t", tag, "-o", file]);
        return fingerprint(file)?.[""];
      }),
    );
    seen.delete(digestOf(Buffer.from("before")));
    for (const found of seen.keys()) expect(whole).toContain(found);
  });
});
