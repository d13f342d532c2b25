import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyToCache } from "../support/binary-cache.ts";
import { inTwoLanes, share } from "../support/campaign.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms } from "../support/programs.ts";
import { fingerprint } from "../support/read-layout.ts";
import { repository } from "../support/repository.ts";
import { makeSmallClosure, type SmallClosure } from "../support/small-closure.ts";
import { stowage, stowageWords } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ready = requirePrograms("nix", "nix-store", "cc");

const { ENOSPC, EIO, EINTR, EDQUOT } = constants.errno;
/** Not an error: the call does half of its work. */
const SHORT = -1;
const writeFaults = { ENOSPC, EIO, EDQUOT, EINTR, SHORT };
const readFaults = { EIO, EINTR, SHORT };
/** What is tried again, or gone on with. */
const harmless: ReadonlySet<string> = new Set(["EINTR", "SHORT"]);

interface Place {
  /** A part of the path of the files that fail. */
  readonly path: string;
  readonly calls: string;
  readonly faults: Readonly<Record<string, number>>;
  /** How a pack of the targets is told to write; or all the words of another command. */
  readonly words: readonly string[] | ((closure: CachedClosure) => readonly string[]);
  /** What the output holds before; otherwise it is not there. */
  readonly before?: string;
  /** Where the image goes that stdout takes. */
  readonly shell?: string;
  /** What fails there costs time only. */
  readonly isCache?: boolean;
  /** What is left of a failure on stdout ends before its `manifest.json`; any other output is not there. */
  readonly isStream?: boolean;
  /** How a failure is told; by default as one of writing. */
  readonly says?: string;
  /** Of a failure; default 4. */
  readonly exitCode?: number;
  readonly ci: number;
}

interface CachedClosure {
  readonly small: SmallClosure;
  /** A binary cache that has the closure. */
  readonly cache: string;
  /** An archive that was packed of it. */
  readonly image: string;
}

const toFile = '"$@" > output';
const toPipe = 'mkfifo fifo; cat fifo > output & "$@" > fifo; status=$?; wait; rm fifo; exit "$status"';
const spooled = ["--compression", "gzip", "--spool", "-o", "-"];
const writes = "write,writev,pwrite64";
const reads = "read,pread64";

const fromCache = ({ small, cache }: CachedClosure): readonly string[] => [
  ...small.pack.map((word) => (word === small.url ? `file://${cache}` : word)),
  "--no-check-sigs",
  "-o",
  "output",
];
const explain =
  (verb: string, ...more: readonly string[]) =>
  ({ small }: CachedClosure) => [verb, "--store", small.url, ...small.paths, ...more];

const places: Readonly<Record<string, Place>> = {
  "an archive": { path: "/.output.", calls: writes, faults: writeFaults, words: ["-o", "output"], ci: 6 },
  "a layout": {
    path: "/.output.",
    calls: writes,
    faults: writeFaults,
    words: ["--format", "oci-dir", "-o", "output"],
    ci: 6,
  },
  "stdout, a file": {
    path: "/output",
    calls: writes,
    faults: writeFaults,
    words: ["-o", "-"],
    shell: toFile,
    isStream: true,
    ci: 6,
  },
  "stdout, a pipe": {
    path: "/fifo",
    calls: "write,writev",
    faults: writeFaults,
    words: ["-o", "-"],
    shell: toPipe,
    isStream: true,
    ci: 6,
  },
  "a FIFO": {
    path: "/fifo",
    calls: "write,writev",
    faults: writeFaults,
    words: ["-o", "fifo"],
    shell: 'mkfifo fifo; cat fifo > output & "$@"; status=$?; wait; rm fifo; exit "$status"',
    isStream: true,
    ci: 4,
  },
  "the stdout of another verb": {
    path: "/output",
    calls: writes,
    faults: writeFaults,
    words: explain("ls"),
    shell: toFile,
    isStream: true,
    ci: 2,
  },
  "a budget that is turned down": {
    path: "/.output.",
    calls: writes,
    faults: writeFaults,
    words: explain("check", "--budget", "output", "--update"),
    before: '{ "closureSize": "1 GiB" } // mine\n',
    ci: 3,
  },
  "NARs from a binary cache that are written": {
    path: ".temporary/",
    calls: writes,
    faults: writeFaults,
    words: fromCache,
    says: "downloads cannot be kept in ",
    ci: 4,
  },
  "NARs from a binary cache that are read": {
    path: ".temporary/",
    calls: reads,
    faults: readFaults,
    words: fromCache,
    says: "cannot read 'a downloaded NAR'",
    ci: 4,
  },
  "the files of a binary cache": {
    path: "/a-binary-cache/",
    calls: reads,
    faults: readFaults,
    words: fromCache,
    says: "file://",
    exitCode: 5,
    ci: 5,
  },
  "an archive that is verified": {
    path: "/an-image.tar",
    calls: reads,
    faults: readFaults,
    words: ({ small, image }) => ["verify", image, "--store", small.url],
    shell: '"$@" > output',
    isStream: true,
    says: "cannot read '",
    ci: 4,
  },
  "a temporary file that is written": {
    path: ".temporary/",
    calls: writes,
    faults: writeFaults,
    words: spooled,
    shell: toFile,
    isStream: true,
    ci: 5,
  },
  "a temporary file that is read": {
    path: ".temporary/",
    calls: reads,
    faults: readFaults,
    words: spooled,
    shell: toFile,
    isStream: true,
    ci: 4,
  },
  "the digest cache": {
    path: "/stowage/digests/",
    calls: `${writes},${reads}`,
    faults: writeFaults,
    words: ["-o", "output"],
    isCache: true,
    ci: 5,
  },
};

describe.skipIf(!ready)(
  "a read or a write that fails ends a pack with a message; a short one is gone on with",
  () => {
    let small: SmallClosure;
    let cache: string;
    let image: string;
    let preload: string;
    beforeAll(async () => {
      small = makeSmallClosure();
      cache = join(small.root, "../a-binary-cache");
      copyToCache(small.paths, { folder: cache, from: small.url, compression: "none" });
      image = join(small.root, "../an-image.tar");
      expect((await stowage([...small.pack, "-o", image])).exitCode).toBe(0);
      preload = join(small.root, "../file-faults.so");
      const source = join(repository, "test/support/file-faults.c");
      execFileSync("cc", ["-shared", "-fPIC", "-nostdlib", "-o", preload, source]);
    });
    afterAll(() => small[Symbol.dispose]());

    test.each(Object.entries(places))("%s", async (title, place) => {
      const folder = temporaryFolder();
      const run = async (name: string, at: number, error: number) => {
        const cwd = join(folder, name);
        mkdirSync(cwd);
        if (place.before !== undefined) writeFileSync(join(cwd, "output"), place.before);
        const temporary = join(folder, `${name}.temporary`);
        mkdirSync(temporary);
        const log = join(folder, `${name}.log`);
        writeFileSync(log, "");
        const env = {
          ...nixEnvironment,
          NODE_COMPILE_CACHE: small.compileCache,
          XDG_CACHE_HOME: join(folder, `${name}.cache`),
          TMPDIR: temporary,
          LD_PRELOAD: preload,
          FAULT_PATH: place.path,
          FAULT_CALL: place.calls,
          FAULT_AT: `${at}`,
          FAULT_ERROR: `${error}`,
          FAULT_LOG: log,
        };
        const own =
          typeof place.words === "function"
            ? place.words({ small, cache, image })
            : [...small.pack, ...place.words];
        const words = ["-c", place.shell ?? 'exec "$@"', "sh", ...stowageWords, ...own];
        const { exitCode, stderr } = await execa("sh", words, { cwd, env, reject: false, timeout: 120_000 });
        const calls = readFileSync(log, "utf8").split("\n").slice(0, -1);
        return { cwd, temporary, exitCode, stderr, calls };
      };

      const whole = await run("whole", -1, 0);
      expect(whole).toMatchObject({ exitCode: 0, stderr: "" });
      expect(whole.calls.length).toBeGreaterThan(0);
      const complete = fingerprint(join(whole.cwd, "output"));
      const wholeOutput = place.isStream === true ? readFileSync(join(whole.cwd, "output")) : Buffer.alloc(0);
      const all = Object.keys(place.faults).flatMap((error) =>
        whole.calls.map((_, index) => ({ error, n: index + 1 })),
      );
      const outcomes = { "failed with a message": 0, "did no harm": 0, "did not happen": 0 };
      await inTwoLanes(share(all, place.ci), async ({ error, n }) => {
        const name = `${error}-${n}`;
        const { cwd, temporary, exitCode, stderr, calls } = await run(name, n, place.faults[error] as number);
        const what = `${title}, ${name}: ${stderr}`;
        const left = fingerprint(join(cwd, "output"));
        if (!calls.some((line) => !line.endsWith(" 0"))) {
          expect({ exitCode, left }, what).toEqual({ exitCode: 0, left: complete });
          outcomes["did not happen"]++;
        } else if (place.isCache === true || harmless.has(error)) {
          expect({ exitCode, left }, what).toEqual({ exitCode: 0, left: complete });
          outcomes["did no harm"]++;
        } else {
          expect(exitCode, what).toBe(place.exitCode ?? 4);
          expect(stderr, what).toContain(`stowage: ${place.says ?? "cannot write "}`);
          expect(stderr, what).toMatch(/^stowage: .*\n {2}[A-Z].*\.$/);
          if (place.isStream === true) {
            // manifest.json comes when all else is there: a stream cut behind it has the whole image.
            const written = readFileSync(join(cwd, "output"));
            expect(written.equals(wholeOutput.subarray(0, written.length)), what).toBe(true);
            expect(written.length, what).toBeLessThan(wholeOutput.length);
          } else expect(readdirSync(cwd), what).toEqual(place.before === undefined ? [] : ["output"]);
          if (place.before !== undefined)
            expect(readFileSync(join(cwd, "output"), "utf8"), what).toBe(place.before);
          outcomes["failed with a message"]++;
        }
        expect(readdirSync(temporary), what).toEqual([]);
        if (existsSync(cwd)) expect(temporaryNames(cwd), what).toEqual([]);
      });
      process.stderr.write(`${title}: ${JSON.stringify(outcomes)}\n`);
    });
  },
);

function temporaryNames(folder: string): string[] {
  return readdirSync(folder).filter(
    (name) => name.startsWith(".output.") || name.startsWith(".stowage-") || name.startsWith("stowage-"),
  );
}
