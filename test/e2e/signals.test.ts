import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { busyMachine } from "../support/busy-machine.ts";
import { inTwoLanes, share } from "../support/campaign.ts";
import { statusOf, type Ended } from "../support/exit-status.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { fingerprint } from "../support/read-layout.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { expectMatchesNix } from "../support/sound-image.ts";
import { countCalls, traceStowage } from "../support/strace.ts";
import { stowage, stowageWords } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { waitUntil } from "../support/wait-for.ts";

const ready = requirePrograms("nix-store", "strace", "python3");
const signals = ["SIGHUP", "SIGINT", "SIGTERM"] as const;
type Signal = (typeof signals)[number];

const expectedStatus = (signal: Signal): number => 128 + constants.signals[signal];

describe.skipIf(!ready)("a signal ends a pack within a second, and nothing is left", () => {
  let small: SmallClosure;
  beforeAll(() => {
    small = makeSmallClosure();
  });
  afterAll(() => small[Symbol.dispose]());

  interface Place {
    readonly cwd: string;
    readonly env: NodeJS.ProcessEnv;
  }
  const makePlace = (path?: string): Place => {
    const folder = temporaryFolder();
    const cwd = join(folder, "work");
    mkdirSync(cwd);
    const cache = { XDG_CACHE_HOME: join(folder, "cache"), NODE_COMPILE_CACHE: small.compileCache };
    return {
      cwd,
      env: { ...nixEnvironment, ...cache, ...(path === undefined ? {} : { PATH: path }) },
    };
  };
  const rootsOf = ({ env }: Place): string[] => {
    const roots = join(env["XDG_CACHE_HOME"] ?? "", "stowage/roots");
    return existsSync(roots) ? readdirSync(roots) : [];
  };

  /** Starts a pack, signals it when it is time, and says how long it took to end, in milliseconds. */
  async function interrupt(place: Place, signal: Signal, isTime: () => boolean): Promise<number> {
    const [program = "", ...rest] = stowageWords;
    const words = [...rest, ...small.pack, "-o", "output"];
    const packing = spawn(program, words, { ...place, stdio: ["ignore", "ignore", "pipe"] });
    onTestFinished(() => void packing.kill("SIGKILL"));
    const exited = once(packing, "exit");
    await waitUntil(() => isTime() || !isRunning(packing));
    packing.kill(signal);
    const began = performance.now();
    expect(statusOf((await exited) as Ended)).toBe(expectedStatus(signal));
    return performance.now() - began;
  }

  test.each(signals)("%s while a nix-store runs that does not hear it", busyMachine, async (signal) => {
    const bin = temporaryFolder();
    const deaf = `#!/bin/sh\ntrap '' HUP INT TERM\necho $$ > '${bin}/started'\nexec sleep 600\n`;
    writeFileSync(join(bin, "nix-store"), deaf, { mode: 0o755 });
    const place = makePlace(`${bin}:${nixEnvironment["PATH"]}`);
    const pidFile = join(bin, "started");
    const hasPid = (): boolean => existsSync(pidFile) && readFileSync(pidFile, "utf8").endsWith("\n");
    expect(await interrupt(place, signal, hasPid)).toBeLessThan(1000);
    expect(readdirSync(place.cwd)).toEqual([]);
    const pid = readFileSync(pidFile, "utf8").trim();
    await waitUntil(() => !isAlive(pid));
  });

  test.each(signals)("%s while nix-store waits for the store's database", busyMachine, async (signal) => {
    const database = join(small.root, "nix/var/nix/db/db.sqlite");
    const script = `
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("pragma locking_mode = exclusive")
connection.execute("begin exclusive")
print("locked", flush=True)
sys.stdin.read()
`;
    const locking = spawn("python3", ["-c", script, database], { stdio: ["pipe", "pipe", "inherit"] });
    const unlocked = once(locking, "exit");
    try {
      await once(locking.stdout, "data");
      const place = makePlace();
      const began = performance.now();
      const isWaiting = (): boolean => performance.now() - began > 1500;
      expect(await interrupt(place, signal, isWaiting)).toBeLessThan(1000);
      expect(readdirSync(place.cwd)).toEqual([]);
      expect(rootsOf(place)).toEqual([]);
    } finally {
      locking.stdin.end();
      await unlocked;
    }
  });

  test.each(["archive", "oci-dir"])("while an %s is flushed to a slow disk", busyMachine, async (format) => {
    const place = makePlace();
    const words = [...small.pack, "--format", format, "-o", "output"];
    let milliseconds = Infinity;
    let left: readonly string[] = [];
    const traced = await traceStowage(words, {
      ...place,
      expression: "inject=fsync:delay_enter=5000000:when=1",
      async meanwhile(child, readLog) {
        await waitUntil(() => readLog().includes("fsync("));
        child.kill("SIGTERM");
        const began = performance.now();
        // The thread that flushes is held by strace as long as it was told to; all else of the process is gone.
        await waitUntil(() => stateOf(child) === "Z" || !isRunning(child));
        milliseconds = performance.now() - began;
        left = readdirSync(place.cwd);
      },
    });
    expect(milliseconds).toBeLessThan(1000);
    expect(left).toEqual([]);
    expect(rootsOf(place)).toEqual([]);
    expect(statusOf([traced.exitCode, traced.signal])).toBe(143);
  });

  test.each<[string, { format: string; old: boolean }]>([
    ["an archive", { format: "archive", old: true }],
    ["a layout", { format: "oci-dir", old: true }],
    ["a new layout", { format: "oci-dir", old: false }],
  ])("%s: at any moment, the old output is there or the new one", async (_, { format, old }) => {
    const before = join(temporaryFolder(), "before");
    const packAs = (tag: string, output: string): string[] => {
      return [...small.pack, "-t", tag, "--format", format, "-o", output];
    };
    if (old) expect((await stowage(packAs("old:1", before))).exitCode).toBe(0);
    const words = packAs("new:1", "output");
    const prepare = (): Place => {
      const place = makePlace();
      if (old) cpSync(before, join(place.cwd, "output"), { recursive: true });
      return place;
    };
    expect((await stowage(words, prepare())).exitCode).toBe(0);
    const reference = prepare();
    const whole = await traceStowage(words, { ...reference, expression: `trace=${moments.join()}` });
    expect(whole.exitCode, whole.stderr).toBe(0);
    const complete = fingerprint(join(reference.cwd, "output"));
    const counts = countCalls(whole.log);
    const points = moments.flatMap((call) => {
      const count = counts.get(call) ?? 0;
      const step = Math.max(1, Math.floor(count / 10));
      return Array.from({ length: Math.ceil(count / step) }, (__, index) => ({ call, n: index * step + 1 }));
    });

    const outcomes = { stopped: 0, done: 0 };
    await inTwoLanes([...share(points, 4).entries()], async ([index, { call, n }]) => {
      const signal = signals[index % signals.length] as Signal;
      const what = `${signal} at ${call} ${n}`;
      const place = prepare();
      const expression = `inject=${call}:signal=${signal.slice(3)}:when=${n}`;
      const traced = await traceStowage(words, { ...place, expression });
      expect(traced.hangs, what).toBe(false);
      const output = join(place.cwd, "output");
      const left = fingerprint(output);
      if (statusOf([traced.exitCode, traced.signal]) === expectedStatus(signal)) {
        outcomes.stopped++;
        if (format === "archive")
          expect([old ? fingerprint(before) : undefined, complete], what).toContainEqual(left);
      } else {
        outcomes.done++;
        expect({ ...traced, log: [] }, what).toMatchObject({ exitCode: 0, stderr: "" });
        expect(left, what).toEqual(complete);
      }
      expect(readdirSync(place.cwd), what).toEqual(left === undefined ? [] : ["output"]);
      expect(temporaryNames(place.cwd), what).toEqual([]);
      expect(rootsOf(place), what).toEqual([]);
      if (left !== undefined) await expectMatchesNix(output, { store: small.url });
    });
    expect(outcomes.stopped).toBeGreaterThan(0);
    process.stderr.write(`${format}: ${JSON.stringify(outcomes)} of ${share(points, 4).length} signals\n`);
  });
});

/** Calls before which a signal comes. */
const moments = [
  "openat",
  "pwrite64",
  "fsync",
  "rename",
  "mkdir",
  "getdents64",
  "readlink",
  "statx",
  "unlink",
];

function temporaryNames(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => /(^|\/)\.|\.(tmp|lock)$/.test(name));
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

function isAlive(pid: string): boolean {
  return existsSync(`/proc/${pid}`);
}

/** One letter, as the kernel says: Z where the process has ended and somebody still holds a thread of it. */
function stateOf({ pid }: ChildProcess): string {
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : "";
  return stat.slice(stat.lastIndexOf(")") + 2).charAt(0);
}
