import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inTwoLanes, isLong, share } from "../support/campaign.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { fingerprint, readLayoutNames } from "../support/read-layout.ts";
import { rememberedDigests } from "../support/remembered-digests.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { expectMatchesNix } from "../support/sound-image.ts";
import { countCalls, traceStowage, type Traced } from "../support/strace.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ready = requirePrograms("nix-store", "strace");

/** A thread's n-th call of this name fails with this error. */
interface Fault {
  readonly call: string;
  readonly error: string;
  readonly n: number;
}

/** What can go wrong with a pack's own files and processes; where a close fails, Node itself aborts now and then. */
const errors: Readonly<Record<string, readonly string[]>> = {
  openat: ["EMFILE", "EACCES", "EIO", "ENOSPC", "EINTR"],
  pwrite64: ["ENOSPC", "EIO", "EINTR", "EDQUOT", "EACCES", "EMFILE"],
  fsync: ["EIO", "ENOSPC", "EINTR", "EACCES", "EMFILE"],
  rename: ["EIO", "ENOSPC", "EACCES", "EINTR", "EMFILE"],
  ftruncate: ["EIO", "EINTR"],
  mkdir: ["EACCES", "ENOSPC"],
  chmod: ["EPERM"],
  symlink: ["EIO", "ENOSPC", "EPERM"],
  unlink: ["EIO"],
  rmdir: ["EIO"],
  statx: ["EIO", "EACCES"],
  getdents64: ["EIO"],
  readlink: ["EIO"],
  socketpair: ["EMFILE"],
  pipe2: ["EMFILE"],
  clone3: ["EAGAIN"],
};

/** What can go wrong with a file of the store. */
const storeErrors: Readonly<Record<string, readonly string[]>> = {
  openat: ["EIO", "EACCES", "EMFILE", "EINTR"],
  read: ["EIO", "EINTR", "EACCES", "EMFILE"],
  statx: ["EIO", "EACCES"],
  getdents64: ["EIO"],
  readlink: ["EIO"],
  close: ["EIO"],
};

describe.skipIf(!ready)(
  "a system call that fails ends a pack with a message and nothing else, or does no harm",
  () => {
    let small: SmallClosure;
    beforeAll(() => {
      small = makeSmallClosure();
    });
    afterAll(() => small[Symbol.dispose]());

    interface Campaign {
      readonly format: string;
      readonly old: boolean;
      readonly errors: Readonly<Record<string, readonly string[]>>;
      /** Faults tried in CI. */
      readonly ci: number;
    }

    /** Tries faults one after another; says how many failed with a message and how many did no harm. */
    async function tryFaults(
      { format, old, errors: kinds, ci }: Campaign,
      paths: readonly string[],
    ): Promise<void> {
      const folder = temporaryFolder();
      const before = join(folder, "before");
      const envOf = (name: string): NodeJS.ProcessEnv => ({
        ...nixEnvironment,
        XDG_CACHE_HOME: join(folder, "caches", name),
        NODE_COMPILE_CACHE: small.compileCache,
      });
      const oldWords = [...small.pack, "-t", "old:1", "--format", format, "-o", before];
      if (old) expect((await stowage(oldWords, { env: envOf("old") })).exitCode).toBe(0);
      const words = [...small.pack, "-t", "new:1", "--format", format, "-o", "output"];
      const run = async (name: string, expression: string): Promise<Traced & { cwd: string }> => {
        const cwd = join(folder, name);
        mkdirSync(cwd);
        if (old) cpSync(before, join(cwd, "output"), { recursive: true });
        return { cwd, ...(await traceStowage(words, { cwd, env: envOf(name), expression, paths })) };
      };

      await run("warm-up", "trace=none");
      const whole = await run("reference", `trace=${Object.keys(kinds).join()}`);
      expect(whole).toMatchObject({ exitCode: 0, stderr: "" });
      const complete = fingerprint(join(whole.cwd, "output"));
      const faults = share(faultsOf(kinds, countCalls(whole.log)), ci);

      const outcomes = { "failed with a message": 0, "did no harm": 0, "did not happen": 0 };
      /** What was remembered until the fault is right. */
      const expectHealed = async (
        { cwd, name }: { readonly cwd: string; readonly name: string },
        what: string,
      ): Promise<void> => {
        expect((await stowage(words, { cwd, env: envOf(name) })).exitCode, what).toBe(0);
        expect(fingerprint(join(cwd, "output")), what).toEqual(complete);
      };
      const table = new Map<string, Map<string, number>>();
      const count = (fault: Fault, outcome: keyof typeof outcomes): void => {
        outcomes[outcome]++;
        const row = `${fault.call} ${fault.error}`;
        const counts = table.get(row) ?? new Map<string, number>();
        table.set(row, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
      };
      await inTwoLanes(faults, async (fault) => {
        const { call, error, n } = fault;
        const name = `${call}-${error}-${n}`;
        const { cwd, exitCode, signal, stderr, hangs, log } = await run(
          name,
          `inject=${call}:error=${error}:when=${n}`,
        );
        const what = `${name}: ${stderr}\n${log.filter((line) => line.includes("INJECTED")).join("\n")}`;
        expect({ hangs, signal }, what).toEqual({ hangs: false, signal: null });
        const left = fingerprint(join(cwd, "output"));
        // What was remembered until then is right: each entry has the bytes of one that nothing disturbed.
        expect(rememberedDigests(join(folder, "caches/reference")), what).toMatchObject(
          rememberedDigests(join(folder, "caches", name)),
        );
        if (exitCode === 0) {
          expect(left, what).toEqual(complete);
          count(fault, log.some((line) => line.includes("INJECTED")) ? "did no harm" : "did not happen");
        } else {
          expect(exitCode, what).toBe(4);
          expectMessage(stderr, what);
          if (format === "oci-dir" && old)
            expect([...readLayoutNames(join(cwd, "output")).keys()]).toEqual([oldName]);
          expect(readdirSync(cwd), what).toEqual(old ? ["output"] : []);
          if (old) expect(temporaryNames(cwd), what).toEqual([]);
          count(fault, "failed with a message");
          if (left !== undefined) await expectMatchesNix(join(cwd, "output"), { store: small.url });
          if (isLong) await expectHealed({ cwd, name }, what);
        }
      });
      process.stderr.write(`${format}: ${faults.length} faults: ${JSON.stringify(outcomes)}\n`);
      if (isLong)
        for (const [row, counts] of table)
          process.stderr.write(`  ${row}: ${JSON.stringify(Object.fromEntries(counts))}\n`);
      // Which calls a share has follows from how often each was made; a few may all be such as do no harm.
      if (isLong) expect(outcomes["failed with a message"]).toBeGreaterThan(0);
      expect(outcomes["did not happen"]).toBeLessThan(faults.length / 2);
    }

    test.each<[string, Campaign]>([
      ["an archive", { format: "archive", old: false, errors, ci: 10 }],
      ["an archive that replaces one", { format: "archive", old: true, errors, ci: 5 }],
      ["a docker-archive", { format: "docker-archive", old: false, errors, ci: 5 }],
      ["a new layout", { format: "oci-dir", old: false, errors, ci: 8 }],
      ["a layout that is added to", { format: "oci-dir", old: true, errors, ci: 8 }],
    ])("%s", (_, campaign) => tryFaults(campaign, []));

    test("the store's files", async () => {
      const onDisk = small.paths.map((path) => join(small.root, path));
      const [, data = ""] = onDisk;
      const inside = ["share", "share/large", "share/small-0", "share/small-7", "link"].map((name) =>
        join(data, name),
      );
      await tryFaults({ format: "archive", old: false, errors: storeErrors, ci: 14 }, [...onDisk, ...inside]);
    });
  },
);

const oldName = "docker.io/library/old:1";

/** One or two lines that say what failed, with a path or a program, and no stack. */
function expectMessage(stderr: string, what: string): void {
  const lines = stderr
    .trimEnd()
    .split("\n")
    .filter((line) => !line.startsWith("stowage: warning: "));
  expect(lines[0], what).toMatch(/^stowage: .*(\/|output|nix-store|worker)/);
  expect(lines.length, what).toBeLessThanOrEqual(2);
  if (lines.length === 2) expect(lines[1], what).toMatch(/^ {2}[A-Z].*\.$/);
}

function temporaryNames(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /(^|\/)\.|\.tmp$/.test(name),
  );
}

/** Every call where there are few; else the first ones, the last ones, which are the pack's own, and some between. */
function faultsOf(
  kinds: Readonly<Record<string, readonly string[]>>,
  counts: ReadonlyMap<string, number>,
): Fault[] {
  const edge = 16;
  return Object.entries(kinds).flatMap(([call, names]) => {
    const count = counts.get(call) ?? 0;
    const all = Array.from({ length: count }, (_, index) => index + 1);
    const step = Math.ceil(count / 8);
    const tried = all.filter((n) => n <= edge || n > count - edge || n % step === 0);
    return names.flatMap((error) => tried.map((n) => ({ call, error, n })));
  });
}
