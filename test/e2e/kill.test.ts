import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inTwoLanes, share } from "../support/campaign.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { fingerprint, readLayoutNames } from "../support/read-layout.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { countCalls, traceStowage } from "../support/strace.ts";
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

    test.each<[string, { format: string; old: boolean }]>([
      ["an archive", { format: "archive", old: false }],
      ["an archive that replaces one", { format: "archive", old: true }],
      ["a docker-archive that replaces one", { format: "docker-archive", old: true }],
      ["a new layout", { format: "oci-dir", old: false }],
      ["a layout that is added to", { format: "oci-dir", old: true }],
    ])("%s", async (_, { format, old }) => {
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
      const words = [...small.pack, "-t", "new:1", "--format", format, "-o", "output"];

      /** A folder with what is there before the pack. */
      const prepare = (name: string): string => {
        const cwd = join(folder, name);
        mkdirSync(cwd);
        if (old) cpSync(before, join(cwd, "output"), { recursive: true });
        return cwd;
      };

      const reference = prepare("reference");
      expect((await stowage(words, { cwd: prepare("warm-up"), env: envOf("warm-up") })).exitCode).toBe(0);
      const trace = `trace=${[...changing, ...passing].join()}`;
      const whole = await traceStowage(words, { cwd: reference, env: envOf("reference"), expression: trace });
      expect(whole).toMatchObject({ exitCode: 0, stderr: "" });
      const complete = fingerprint(join(reference, "output"));
      const counts = countCalls(whole.log);
      const points = [...share(pointsOf(changing, counts), 6), ...share(pointsOf(passing, counts), 2)];

      let killed = 0;
      const tryPoint = async ({ call, n }: Point): Promise<void> => {
        const what = `killed before ${call} ${n}`;
        const cwd = prepare(`${call}-${n}`);
        const env = envOf(`${call}-${n}`);
        const expression = `inject=${call}:signal=KILL:when=${n}`;
        const { signal, exitCode } = await traceStowage(words, { cwd, env, expression });
        if (signal === "SIGKILL") killed++;
        else expect(exitCode, what).toBe(0);

        const left = fingerprint(join(cwd, "output"));
        if (format === "oci-dir" && old)
          expect([...readLayoutNames(join(cwd, "output")).keys()], what).toContain("docker.io/library/old:1");
        else expect([old ? fingerprint(before) : undefined, complete], what).toContainEqual(left);

        expect(await stowage(words, { cwd, env }), what).toMatchObject({ exitCode: 0, stderr: "" });
        expect(fingerprint(join(cwd, "output")), what).toEqual(complete);
        expect(readdirSync(cwd), what).toEqual(["output"]);
        const roots = join(cacheOf(`${call}-${n}`), "stowage/roots");
        // A Nix that outlived its pack may have made its root after the next pack looked.
        if (readdirSync(roots).length > 0)
          expect((await stowage(words, { cwd, env })).exitCode, what).toBe(0);
        expect(readdirSync(roots), what).toEqual([]);
      };
      await inTwoLanes(points, tryPoint);

      expect(killed).toBeGreaterThan(points.length / 2);
      process.stderr.write(`${format}: killed at ${killed} points of ${points.length}\n`);
    });
  },
);

/** All moments, where there are few; else the first ones and some on the way. */
function pointsOf(calls: readonly string[], counts: ReadonlyMap<string, number>): Point[] {
  const dense = 12;
  return calls.flatMap((call) => {
    const count = counts.get(call) ?? 0;
    const step = Math.max(1, Math.floor((count - dense) / 12));
    const points: Point[] = [];
    for (let n = 1; n <= count; n += n < dense ? 1 : step) points.push({ call, n });
    return points;
  });
}
