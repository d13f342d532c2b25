import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyToCache } from "../support/binary-cache.ts";
import { inTwoLanes, isLong, share } from "../support/campaign.ts";
import { heldCache } from "../support/held-cache.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { fingerprint, readLayoutNames } from "../support/read-layout.ts";
import { rememberedDigests } from "../support/remembered-digests.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { expectMatchesNix } from "../support/sound-image.ts";
import { countCalls, firstCalls, traceStowage, type Traced } from "../support/strace.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ready = requirePrograms("nix", "nix-store", "strace");

/** A moment of a pack: before a thread's n-th call of this name. */
interface Point {
  readonly call: string;
  readonly n: number;
}

/** What changes something that outlives the process. */
const changing = ["pwrite64", "ftruncate", "fsync", "rename", "mkdir", "chmod", "symlink", "unlink", "rmdir"];
/** What happens all the time: moments between those. */
const passing = ["openat", "close", "statx", "read", "write", "getdents64", "readlink"];

const budget = '{ "closureSize": "1 GiB", "imageSize": "1 GiB" } // mine\n';

describe.skipIf(!ready)(
  "a command that is killed leaves the old output or the new one, and the next one heals",
  () => {
    let small: SmallClosure;
    let cache: string;
    beforeAll(() => {
      small = makeSmallClosure();
      cache = join(small.root, "../a-binary-cache");
      copyToCache(small.paths, { folder: cache, from: small.url, compression: "none" });
    });
    afterAll(() => small[Symbol.dispose]());

    interface Scenario {
      /** A form of image; or a budget that is turned down. */
      readonly output: "archive" | "docker-archive" | "oci-dir" | "stdout" | "budget";
      /** Whether another one is there before. */
      readonly old: boolean;
      /** Whether earlier packs are remembered; else what is remembered is written, too. */
      readonly remembers?: boolean;
      /** Whether the paths come from a binary cache on loopback. */
      readonly fetches?: boolean;
      /** Whether no threads are asked for: so little is read and written without any. */
      readonly alone?: boolean;
      readonly more?: readonly string[];
      /** Points tried in CI. */
      readonly ci: readonly [changing: number, passing: number];
    }

    test.each<[string, Scenario]>([
      ["an archive", { output: "archive", old: false, ci: [3, 1] }],
      [
        "an archive that replaces one, without threads",
        { output: "archive", old: true, alone: true, ci: [3, 1] },
      ],
      [
        "an archive that replaces one, from memory",
        { output: "archive", old: true, remembers: true, ci: [2, 1] },
      ],
      ["an archive from a binary cache", { output: "archive", old: false, fetches: true, ci: [2, 1] }],
      [
        "a layout from a binary cache that is added to",
        { output: "oci-dir", old: true, fetches: true, ci: [2, 1] },
      ],
      ["a docker-archive that replaces one", { output: "docker-archive", old: true, ci: [3, 1] }],
      ["a new layout, without threads", { output: "oci-dir", old: false, alone: true, ci: [3, 1] }],
      ["a layout that is added to", { output: "oci-dir", old: true, ci: [3, 1] }],
      [
        "a layout that is added to from memory",
        { output: "oci-dir", old: true, remembers: true, ci: [2, 1] },
      ],
      [
        "a compressed layout that is added to",
        { output: "oci-dir", old: true, more: ["--compression", "gzip"], ci: [3, 1] },
      ],
      [
        "a stream whose layers wait in temporary files",
        { output: "stdout", old: false, more: ["--compression", "gzip", "--spool"], ci: [2, 1] },
      ],
      ["a budget that is turned down", { output: "budget", old: true, ci: [3, 1] }],
    ])(
      "%s",
      async (title, { output, old, remembers = false, fetches = false, alone = false, more = [], ci }) => {
        const folder = temporaryFolder();
        const cacheOf = (name: string): string => join(folder, "caches", name);
        const temporaryOf = (name: string): string => join(folder, "temporary", name);
        const envOf = (name: string): NodeJS.ProcessEnv => ({
          ...nixEnvironment,
          XDG_CACHE_HOME: cacheOf(name),
          NODE_COMPILE_CACHE: small.compileCache,
          TMPDIR: temporaryOf(name),
        });
        const before = join(folder, "before");
        const toFile = output === "stdout" ? "output" : undefined;
        const packWords = alone ? small.pack.slice(0, small.pack.indexOf("--jobs")) : small.pack;
        /** The words of the command, with its paths from a store. */
        const wordsFrom = (store: string): readonly string[] => {
          if (output === "budget") {
            const check = ["-q", "check", "--store", store, ...small.paths, "--platform", "linux/amd64"];
            return [...check, "--budget", "output", "--update"];
          }
          const pack = packWords.map((word) => (word === small.url ? store : word));
          const form = output === "stdout" ? ["-o", "-"] : ["--format", output, "-o", "output"];
          return [...pack, "-t", "new:1", ...(fetches ? ["--no-check-sigs"] : []), ...more, ...form];
        };
        if (output === "budget") writeFileSync(before, budget);
        else if (old) {
          const oldWords = [...small.pack, "-t", "old:1", "--format", output, "-o", before];
          expect(await stowage(oldWords, { env: envOf("old") })).toMatchObject({ exitCode: 0, stderr: "" });
        }

        /** A folder with what is there before the command. */
        const prepare = (name: string): string => {
          const cwd = join(folder, name);
          mkdirSync(cwd);
          mkdirSync(temporaryOf(name), { recursive: true });
          if (old) cpSync(before, join(cwd, "output"), { recursive: true });
          if (remembers) cpSync(cacheOf("old"), cacheOf(name), { recursive: true });
          return cwd;
        };
        /** Does it watched or faulted; `again` does it with what that left. */
        const run = async (name: string, expression: string): Promise<Run> => {
          const cwd = prepare(name);
          const env = envOf(name);
          const held = fetches ? await heldCache(cache) : undefined;
          const words = wordsFrom(held?.url ?? small.url);
          const stdout = toFile && join(cwd, toFile);
          const traced = await traceStowage(words, { cwd, env, expression, gate: held, stdout });
          const again = async (): Promise<void> => {
            const options = { cwd, env, ...(stdout === undefined ? {} : { stdout: { file: stdout } }) };
            const what = `${name}, again`;
            expect(await stowage(words, options), what).toMatchObject({ exitCode: 0, stderr: "" });
          };
          return { ...traced, cwd, again, [Symbol.asyncDispose]: async () => held?.[Symbol.asyncDispose]() };
        };

        await using warm = await run("warm-up", "trace=none");
        expect(warm).toMatchObject({ exitCode: 0, stderr: "" });
        await using whole = await run("reference", `trace=${[...changing, ...passing].join()}`);
        expect(whole).toMatchObject({ exitCode: 0, stderr: "" });
        const complete = fingerprint(join(whole.cwd, "output"));
        const wholeStream = toFile === undefined ? Buffer.alloc(0) : readFileSync(join(whole.cwd, toFile));
        const counts = countCalls(whole.log);
        const placing = placingPoints(whole.log);
        // Where a thread that remembers renames too, the one that places the output comes second to each number.
        if (remembers || output === "budget") expect(placing).not.toEqual([]);
        const points = [
          ...(isLong ? [] : placing),
          ...share(pointsOf(changing, counts), ci[0]),
          ...share(pointsOf(passing, counts), ci[1]),
        ];
        const isKept = (left: ReturnType<typeof fingerprint>): boolean =>
          isDeepStrictEqual(left, old ? fingerprint(before) : undefined);
        const expectImage = (cwd: string): Promise<void> | undefined =>
          output === "budget" ? undefined : expectMatchesNix(join(cwd, "output"), { store: small.url });

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
          await using one = await run(name, `inject=${call}:signal=KILL:when=${n}`);
          const { cwd, signal, exitCode } = one;
          if (signal === "SIGKILL") killed.set(call, (killed.get(call) ?? 0) + 1);
          // Each process counts its own calls: the one that was killed may be a Nix that the command had asked.
          else expect([0, 4], what).toContain(exitCode);
          const all = rememberedDigests(cacheOf("reference"));
          const remembered = rememberedDigests(cacheOf(name));
          // An entry is whole or not there: each has the bytes that a pack makes that nobody kills.
          expect(all, what).toMatchObject(remembered);
          const count = Object.keys(remembered).length;
          if (!remembers && count > 0 && count < Object.keys(all).length) outcomes["began to remember"]++;
          expect(readdirSync(temporaryOf(name)), what).toEqual([]);

          const left = fingerprint(join(cwd, "output"));
          const isDone = isDeepStrictEqual(left, complete);
          if (toFile !== undefined) {
            const written = readFileSync(join(cwd, toFile));
            expect(written.equals(wholeStream.subarray(0, written.length)), what).toBe(true);
          } else if (output === "oci-dir" && old)
            expect([...readLayoutNames(join(cwd, "output")).keys()], what).toContain(
              "docker.io/library/old:1",
            );
          else expect(isKept(left) || isDone, what).toBe(true);
          if (exitCode === 4 && toFile === undefined) expect(isKept(left), what).toBe(true);
          outcomes[isDone ? "was done" : isKept(left) ? "left what was there" : "added something"]++;
          if (left !== undefined && (isDone || toFile === undefined)) await expectImage(cwd);

          await one.again();
          expect(fingerprint(join(cwd, "output")), what).toEqual(complete);
          expect(readdirSync(cwd), what).toEqual(["output"]);
          await expectImage(cwd);
          expect(rememberedDigests(cacheOf(name)), what).toEqual(all);
          const roots = join(cacheOf(name), "stowage/roots");
          const rootsLeft = (): string[] => (existsSync(roots) ? readdirSync(roots) : []);
          // A Nix that outlived its command may have made its root after the next one looked.
          if (rootsLeft().length > 0) await one.again();
          expect(rootsLeft(), what).toEqual([]);
        };
        await inTwoLanes(points, tryPoint);

        const all = [...killed.values()].reduce((sum, count) => sum + count, 0);
        const calls = [...killed].map(([call, count]) => `${call} ${count}`).join(", ");
        process.stderr.write(
          `${title}: killed at ${all} points of ${points.length} (before ${calls}): ${JSON.stringify(outcomes)}\n`,
        );
        expect(all).toBeGreaterThan(points.length / 2);
      },
    );
  },
);

/** A command that was watched, and what it left. */
interface Run extends Traced, AsyncDisposable {
  readonly cwd: string;
  /** Does the same there once more. */
  readonly again: () => Promise<void>;
}

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
