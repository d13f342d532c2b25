import { cpSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inTwoLanes, isLong, share } from "../support/campaign.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { fingerprint, readLayoutNames } from "../support/read-layout.ts";
import { rememberedDigests } from "../support/remembered-digests.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { expectMatchesNix } from "../support/sound-image.ts";
import { countCalls, firstCalls, traceStowage } from "../support/strace.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ready = requirePrograms("nix-store", "strace");

/** A moment of a pack: before a thread's n-th call of this name. */
interface Point {
  readonly call: string;
  readonly n: number;
}

/** What changes something that outlives the process. */
const changing = ["pwrite64", "ftruncate", "fsync", "rename", "mkdir", "chmod", "symlink", "unlink", "rmdir"];
/** What happens all the time: moments between those. */
const passing = ["openat", "close", "statx", "read", "write", "getdents64", "readlink"];

describe.skipIf(!ready)(
  "a pack that is killed leaves the old output or the new one, and the next pack heals",
  () => {
    let small: SmallClosure;
    beforeAll(() => {
      small = makeSmallClosure();
    });
    afterAll(() => small[Symbol.dispose]());

    interface Scenario {
      readonly format: string;
      /** Whether another image is there before. */
      readonly old: boolean;
      /** Whether earlier packs are remembered; else what is remembered is written, too. */
      readonly remembers?: boolean;
      readonly more?: readonly string[];
      /** Points tried in CI. */
      readonly ci: readonly [changing: number, passing: number];
    }

    test.each<[string, Scenario]>([
      ["an archive", { format: "archive", old: false, ci: [4, 2] }],
      ["an archive that replaces one", { format: "archive", old: true, ci: [3, 1] }],
      [
        "an archive that replaces one, from memory",
        { format: "archive", old: true, remembers: true, ci: [3, 1] },
      ],
      ["a docker-archive that replaces one", { format: "docker-archive", old: true, ci: [5, 2] }],
      ["a new layout", { format: "oci-dir", old: false, ci: [6, 2] }],
      ["a layout that is added to", { format: "oci-dir", old: true, ci: [6, 2] }],
      [
        "a layout that is added to from memory",
        { format: "oci-dir", old: true, remembers: true, ci: [4, 1] },
      ],
      [
        "a compressed layout that is added to",
        { format: "oci-dir", old: true, more: ["--compression", "gzip"], ci: [3, 1] },
      ],
    ])("%s", async (title, { format, old, remembers = false, more = [], ci }) => {
      const folder = temporaryFolder();
      const cacheOf = (name: string): string => join(folder, "caches", name);
      const envOf = (name: string): NodeJS.ProcessEnv => ({
        ...nixEnvironment,
        XDG_CACHE_HOME: cacheOf(name),
        NODE_COMPILE_CACHE: small.compileCache,
      });
      const before = join(folder, "before");
      const oldWords = [...small.pack, "-t", "old:1", "--format", format, "-o", before];
      if (old)
        expect(await stowage(oldWords, { env: envOf("old") })).toMatchObject({ exitCode: 0, stderr: "" });
      const words = [...small.pack, "-t", "new:1", "--format", format, ...more, "-o", "output"];

      /** A folder with what is there before the pack. */
      const prepare = (name: string): string => {
        const cwd = join(folder, name);
        mkdirSync(cwd);
        if (old) cpSync(before, join(cwd, "output"), { recursive: true });
        if (remembers) cpSync(cacheOf("old"), cacheOf(name), { recursive: true });
        return cwd;
      };

      const reference = prepare("reference");
      expect((await stowage(words, { cwd: prepare("warm-up"), env: envOf("warm-up") })).exitCode).toBe(0);
      const trace = `trace=${[...changing, ...passing].join()}`;
      const whole = await traceStowage(words, { cwd: reference, env: envOf("reference"), expression: trace });
      expect(whole).toMatchObject({ exitCode: 0, stderr: "" });
      const complete = fingerprint(join(reference, "output"));
      const counts = countCalls(whole.log);
      const placing = placingPoints(whole.log);
      // Where a thread that remembers renames too, the one that places the output comes second to each number.
      if (remembers) expect(placing).not.toEqual([]);
      const points = [
        ...(isLong ? [] : placing),
        ...share(pointsOf(changing, counts), ci[0]),
        ...share(pointsOf(passing, counts), ci[1]),
      ];
      const isKept = (left: ReturnType<typeof fingerprint>): boolean =>
        isDeepStrictEqual(left, old ? fingerprint(before) : undefined);

      const killed = new Map<string, number>();
      const outcomes = {
        "left what was there": 0,
        "added something": 0,
        "was done": 0,
        "began to remember": 0,
      };
      const tryPoint = async ({ call, n }: Point): Promise<void> => {
        const what = `killed before ${call} ${n}`;
        const name = `${call}-${n}`;
        if (existsSync(join(folder, name))) return;
        const cwd = prepare(name);
        const env = envOf(name);
        const expression = `inject=${call}:signal=KILL:when=${n}`;
        const { signal, exitCode } = await traceStowage(words, { cwd, env, expression });
        if (signal === "SIGKILL") killed.set(call, (killed.get(call) ?? 0) + 1);
        // Each process counts its own calls: the one that was killed may be a Nix that the pack had asked.
        else expect([0, 4], what).toContain(exitCode);
        const all = rememberedDigests(cacheOf("reference"));
        const remembered = rememberedDigests(cacheOf(name));
        // An entry is whole or not there: each has the bytes that a pack makes that nobody kills.
        expect(all, what).toMatchObject(remembered);
        const count = Object.keys(remembered).length;
        if (!remembers && count > 0 && count < Object.keys(all).length) outcomes["began to remember"]++;

        const left = fingerprint(join(cwd, "output"));
        if (format === "oci-dir" && old)
          expect([...readLayoutNames(join(cwd, "output")).keys()], what).toContain("docker.io/library/old:1");
        else expect(isKept(left) || isDeepStrictEqual(left, complete), what).toBe(true);
        const isDone = isDeepStrictEqual(left, complete);
        if (exitCode === 4) expect(isKept(left), what).toBe(true);
        outcomes[isDone ? "was done" : isKept(left) ? "left what was there" : "added something"]++;
        if (left !== undefined) await expectMatchesNix(join(cwd, "output"), { store: small.url });

        expect(await stowage(words, { cwd, env }), what).toMatchObject({ exitCode: 0, stderr: "" });
        expect(fingerprint(join(cwd, "output")), what).toEqual(complete);
        expect(readdirSync(cwd), what).toEqual(["output"]);
        await expectMatchesNix(join(cwd, "output"), { store: small.url });
        expect(rememberedDigests(cacheOf(name)), what).toEqual(all);
        const roots = join(cacheOf(name), "stowage/roots");
        // A Nix that outlived its pack may have made its root after the next pack looked.
        if (readdirSync(roots).length > 0)
          expect((await stowage(words, { cwd, env })).exitCode, what).toBe(0);
        expect(readdirSync(roots), what).toEqual([]);
      };
      await inTwoLanes(points, tryPoint);

      const all = [...killed.values()].reduce((sum, count) => sum + count, 0);
      const calls = [...killed].map(([call, count]) => `${call} ${count}`).join(", ");
      process.stderr.write(
        `${title}: killed at ${all} points of ${points.length} (before ${calls}): ${JSON.stringify(outcomes)}\n`,
      );
      expect(all).toBeGreaterThan(points.length / 2);
    });
  },
);

/** The moments at which an output, or what makes it one, is about to get its name. */
function placingPoints(log: readonly string[]): Point[] {
  return firstCalls(log)
    .filter(({ line }) => /\brename\(".*", ".*\/(output|index\.json)"/.test(line))
    .map(({ call, n }) => ({ call, n }));
}

/** All moments, where there are few; else the first ones and some on the way. */
function pointsOf(calls: readonly string[], counts: ReadonlyMap<string, number>): Point[] {
  const dense = 18;
  return calls.flatMap((call) => {
    const count = counts.get(call) ?? 0;
    const step = Math.max(1, Math.floor((count - dense) / 16));
    const points: Point[] = [];
    for (let n = 1; n <= count; n += n < dense ? 1 : step) points.push({ call, n });
    return points;
  });
}
