import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { busyMachine } from "../support/busy-machine.ts";
import { statusOf, type Ended } from "../support/exit-status.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { hasProgram, requirePrograms, requireWorld } from "../support/programs.ts";
import { stowage, stowageWords } from "../support/stowage.ts";
import { removeFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { buildFlake, buildWorld, type Built } from "../support/world.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store", "setpriv", "mount");
const isRoot = process.getuid?.() === 0;
/** With a cache of these tests' own, so that what is left in it is theirs. */
const cache = mkdtempSync(join(tmpdir(), "stowage-cache-"));
const environment: NodeJS.ProcessEnv = { ...nixEnvironment, XDG_CACHE_HOME: cache };

describe.skipIf(!ready)("every failure has a message, an exit status, and leaves nothing behind", () => {
  let fortuneCat: Built;
  beforeAll(() => {
    fortuneCat = buildFlake("fortune-cat");
  });
  afterAll(() => {
    fortuneCat[Symbol.dispose]();
    removeFolder(cache);
  });

  interface Failure {
    readonly exitCode: number;
    /** What stderr says in its first line, and what to do in the second. */
    readonly says: RegExp;
    readonly hints?: RegExp;
  }

  /** Runs a command in an empty folder (but for what `before` puts there), and checks that it adds nothing to it. */
  async function expectFailure(
    words: readonly string[],
    { exitCode, says, hints }: Failure,
    options: { env?: NodeJS.ProcessEnv; before?: (folder: string) => void; cwd?: string } = {},
  ): Promise<void> {
    const cwd = options.cwd ?? temporaryFolder();
    options.before?.(cwd);
    const there = readdirSync(cwd).toSorted();
    const failed = await stowage(words, { cwd, env: { ...environment, ...options.env }, timeout: 20_000 });
    expect(failed.stderr).toMatch(says);
    if (hints !== undefined) expect(failed.stderr).toMatch(hints);
    expect(failed.exitCode).toBe(exitCode);
    expect(failed.stdout).toBe("");
    expect(failed.stderr).not.toMatch(/\n\s+at .*:\d+:\d+/);
    expect(failed.stderr.trimEnd().split("\n").length).toBeLessThanOrEqual(3);
    expect(readdirSync(cwd).toSorted()).toEqual(there);
  }

  describe("targets", () => {
    test("none", () => expectFailure(["pack"], { exitCode: 2, says: /no target given/, hints: /--graph/ }));
    test("an empty string", () =>
      expectFailure(["pack", ""], { exitCode: 3, says: /empty string/, hints: /unset variable/ }));
    test("a missing file", () =>
      expectFailure(["pack", "nothing"], {
        exitCode: 3,
        says: /'nothing' does not exist/,
        hints: /nix build/,
      }));
    test("a missing file whose name starts with a dash", () =>
      expectFailure(["pack", "--", "-nothing"], { exitCode: 3, says: /'-nothing' does not exist/ }));
    test("a dangling link", () =>
      expectFailure(
        ["pack", "result"],
        { exitCode: 3, says: /'result' is a dangling link: there is no \/gone/ },
        { before: (folder) => symlinkSync("/gone/away", join(folder, "result")) },
      ));
    test("a link to a collected path", () =>
      expectFailure(
        ["pack", "result"],
        { exitCode: 3, says: /'result' points into \/nix\/store\/0{32}-gone/, hints: /build it again/ },
        { before: (folder) => symlinkSync(`/nix/store/${"0".repeat(32)}-gone`, join(folder, "result")) },
      ));
    test("links in a circle", () =>
      expectFailure(
        ["pack", "a"],
        { exitCode: 3, says: /circle/ },
        {
          before: (folder) => {
            symlinkSync("b", join(folder, "a"));
            symlinkSync("a", join(folder, "b"));
          },
        },
      ));
    test("not a store path", () =>
      expectFailure(["pack", "/etc"], { exitCode: 3, says: /'\/etc' is not in the Nix store/ }));
    test("the store directory itself", () =>
      expectFailure(["pack", "/nix/store"], { exitCode: 3, says: /not in the Nix store/ }));
    test("a derivation", async () => {
      const drv = execFileSync("nix-store", ["-qd", fortuneCat.link], {
        env: environment,
        encoding: "utf8",
      }).trim();
      await expectFailure(["pack", drv], {
        exitCode: 3,
        says: /is a derivation; build it first/,
        hints: /nix-store --realise/,
      });
    });
    test("a path that is there and not valid", async () => {
      const path = `/nix/store/${"1".repeat(32)}-never-registered`;
      mkdirSync(path, { recursive: true });
      onTestFinished(() => void execFileSync("rm", ["-rf", path]));
      await expectFailure(["-q", "pack", path], {
        exitCode: 3,
        says: /never-registered is not a valid path/,
      });
    });
    test("a file that no image can hold", async () => {
      using built = buildWorld("tests.whiteout");
      const words = ["pack", built.link, "--platform", "linux/amd64"];
      await expectFailure(words, {
        exitCode: 3,
        says: /share\/\.wh\.hidden': container runtimes take/,
        hints: /Rename the file/,
      });
    });
    test("several, one of them wrong: nothing is packed", () =>
      expectFailure(["pack", fortuneCat.link, "nothing"], { exitCode: 3, says: /'nothing' does not exist/ }));
    test("names from outside send no control characters", () =>
      expectFailure(["pack", "a\u001b[31mred"], { exitCode: 3, says: /a\\u001b\[31mred/ }));
  });

  describe("options", () => {
    test.each<[string, string[], RegExp]>([
      ["unknown option", ["--colour"], /unknown option '--colour'/],
      ["unknown verb", [], /unknown command 'pakc'/],
      ["format", ["--format", "zip"], /Allowed choices are archive/],
      ["tag", ["-t", "Upper/Case:1"], /'Upper\/Case:1' is not an image name/],
      ["tag with digest", ["-t", `x@sha256:${"0".repeat(64)}`], /a digest cannot be given/],
      ["link in the store", ["--link", "/nix/store/x"], /--link: .* in the way of the store/],
      ["link in /etc", ["--link", "/etc/result"], /--link: '\/etc\/result' is in \/etc/],
      ["link not absolute", ["--link", "result"], /not an absolute, normalised path/],
      ["too many layers", ["--max-layers", "126"], /--max-layers must be a whole number from 2 to 125/],
      ["layers that are no number", ["--max-layers", "many"], /'many' is not a whole number/],
      ["jobs", ["--jobs", "0"], /--jobs must be a whole number/],
      ["created", ["--created", "yesterday"], /'yesterday' is not a time/],
      ["created on a day that is not", ["--created", "2026-02-31T00:00:00Z"], /is not a time/],
      ["created from a missing variable", ["--created", "source-date-epoch"], /SOURCE_DATE_EPOCH is ''/],
      ["platform", ["--platform", "amd64"], /'amd64' is not a platform/],
      [
        "another platform than the program's",
        ["--platform", "linux/arm64"],
        /is a program for linux\/amd64|is a program for linux\/arm64, not/,
      ],
      ["env", ["-e", "NOVALUE"], /'NOVALUE' has no value/],
      ["port", ["-p", "70000"], /'70000' is not a port/],
      ["user", ["-u", "Bad User"], /'Bad User' is not a user/],
      ["name without passwd", ["--bare", "-u", "app"], /means nobody/],
      ["label too long", ["-l", `long=${"x".repeat(4093)}`], /more than the 4096/],
      ["stop signal", ["--stop-signal", "SIGNOTHING"], /is not a signal/],
      ["entrypoint", ["--entrypoint", "[1]"], /is not an array of strings/],
      ["config missing", ["--config", "none.json"], /cannot read 'none.json'/],
      ["file missing", ["--add", "none:/x"], /cannot read 'none'/],
      ["file into the store", ["--add", "/etc/hostname:/nix/store/x"], /in the way of the store/],
      ["mode", ["--dir", "/x:9"], /'9' is not a file mode/],
      ["owner nobody knows", ["--dir", "/x:0755:alice"], /the image has no user 'alice'/],
      ["two for one place", ["--add", "/etc/hostname:/x", "--dir", "/x"], /\/x is wanted by two: /],
      ["a file as parent", ["--add", "/etc/hostname:/x", "--dir", "/x/y"], /wanted by two/],
      [
        "store elsewhere",
        ["--store", "ssh://host"],
        /neither a store whose files are on this machine nor a binary cache/,
      ],
      ["stdout and --json", ["-o", "-", "--json"], /both want stdout/],
      ["stdout as a layout", ["-o", "-", "--format", "oci-dir"], /cannot take it/],
      ["stdout as an archive", ["-o", "-", "--format", "archive"], /cannot take it/],
    ])("%s", (name, words, says) =>
      expectFailure(
        name === "unknown verb" ? ["pakc"] : ["pack", fortuneCat.link, ...words],
        { exitCode: 2, says },
        { env: { SOURCE_DATE_EPOCH: "" } },
      ),
    );

    test("no entrypoint names the candidates with the option to type", async () => {
      using built = buildWorld("tests.several");
      const packed = await stowage(["pack", built.link, "--dry-run"], { cwd: temporaryFolder() });
      expect(packed.exitCode).toBe(0);
      expect(packed.stderr).toMatch(/--entrypoint \/result\/bin\/one {2}--entrypoint \/result\/bin\/two/);
    });

    test("nothing says the platform", async () => {
      using built = buildWorld("tests.data");
      await expectFailure(["pack", built.link], {
        exitCode: 2,
        says: /nothing in the closure's programs says/,
        hints: /--platform linux\/amd64/,
      });
    });

    test("two targets with one file for --copy-to-root", async () => {
      using a = buildWorld("tests.clash-a");
      using b = buildWorld("tests.clash-b");
      const words = ["pack", a.link, b.link, "--copy-to-root", "--platform", "linux/amd64"];
      await expectFailure(words, {
        exitCode: 2,
        says: /\/share\/readme is wanted by two: .*clash-a-1\.0 and .*clash-b-1\.0/,
      });
    });
  });

  describe("the environment", () => {
    test("no Nix", () => {
      const node = { PATH: "/nonexistent" };
      return expectFailure(
        ["pack", fortuneCat.link],
        { exitCode: 4, says: /Nix is not installed here/, hints: /apt-get install nix-bin/ },
        { env: { ...node, NO_WARN: "1" } },
      );
    });
    test("the daemon is down", () =>
      expectFailure(
        ["-q", "pack", fortuneCat.link],
        { exitCode: 4, says: /the Nix daemon cannot be reached/, hints: /Start it/ },
        {
          env: { NIX_REMOTE: "unix:///nonexistent/socket" },
        },
      ));

    test.skipIf(!isRoot)("a file that may not be read: of the store, of one's own", async () => {
      using built = buildWorld("tests.data");
      const secret = join(realpathSync(built.link), "share/data/file");
      const nobody = 65534;
      chownSync(secret, nobody, nobody);
      chmodSync(secret, 0o400);
      onTestFinished(() => {
        chownSync(secret, 0, 0);
        chmodSync(secret, 0o444);
      });
      const folder = temporaryFolder();
      const without = [
        "--bounding-set=-dac_override,-dac_read_search",
        "--inh-caps=-dac_override,-dac_read_search",
      ];
      const words = ["pack", built.link, "--platform", "linux/amd64"];
      const run = (...more: string[]) =>
        execa("setpriv", [...without, ...stowageWords, ...words, ...more], {
          cwd: folder,
          env: environment,
          reject: false,
        });
      const packed = await run();
      expect(packed.stderr).toMatch(
        /^stowage: cannot read '\/nix\/store\/.*data-1\.0\/share\/data\/file': permission denied\n/,
      );
      expect(packed.exitCode).toBe(4);
      const added = await run("--add", `${secret}:/x`);
      expect(added.stderr).toMatch(/^stowage: --add: cannot read .*: permission denied/);
      expect(added.exitCode).toBe(4);
      expect(readdirSync(folder)).toEqual([]);
    });

    test.skipIf(!isRoot)("a full disk", async () => {
      const folder = temporaryFolder();
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", folder]);
      onTestFinished(() => void execFileSync("umount", [folder]));
      for (const format of ["archive", "docker-archive", "oci-dir"]) {
        const words = ["pack", fortuneCat.link, "-o", "image", "--format", format];
        await expectFailure(
          words,
          { exitCode: 4, says: /cannot write image: no space is left/, hints: /Free some space/ },
          { cwd: folder },
        );
      }
    });

    test("a full device", () =>
      expectFailure(["pack", fortuneCat.link, "-o", "/dev/full"], { exitCode: 4, says: /no space is left/ }));

    test("a folder nobody may write to", async () => {
      const command = ["--reuid=65534", "--regid=65534", "--clear-groups", "--", ...stowageWords];
      chmodSync(fortuneCat.folder, 0o755);
      const failed = spawn("setpriv", [...command, "pack", fortuneCat.link, "-o", "/usr/image.tar"], {
        env: { ...environment, NIX_REMOTE: "" },
        stdio: ["ignore", "ignore", "pipe"],
      });
      let said = "";
      failed.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
      expect(await once(failed, "exit")).toEqual([4, null]);
      expect(said).toMatch(/stowage: .*(permission denied|Permission denied|cannot be read)/);
    });
  });

  describe("outputs", () => {
    test("a directory", () =>
      expectFailure(
        ["pack", fortuneCat.link, "-o", "there"],
        { exitCode: 2, says: /'there' is a directory/ },
        { before: (folder) => mkdirSync(join(folder, "there")) },
      ));
    test("a missing folder", () =>
      expectFailure(["pack", fortuneCat.link, "-o", "none/image.tar"], {
        exitCode: 2,
        says: /folder does not exist/,
      }));
    test("a foreign folder as layout", () =>
      expectFailure(
        ["pack", fortuneCat.link, "-o", "there", "--format", "oci-dir"],
        { exitCode: 2, says: /'there' is a folder with something else in it/ },
        {
          before: (folder) => (
            mkdirSync(join(folder, "there")),
            writeFileSync(join(folder, "there", "mine"), "")
          ),
        },
      ));

    test("a symlink is followed, a regular file replaced", async () => {
      const folder = temporaryFolder();
      writeFileSync(join(folder, "old.tar"), "old");
      symlinkSync("old.tar", join(folder, "link.tar"));
      expect((await stowage(["pack", fortuneCat.link, "-o", "link.tar"], { cwd: folder })).exitCode).toBe(0);
      expect(readlinkSync(join(folder, "link.tar"))).toBe("old.tar");
      expect(lstatSync(join(folder, "old.tar")).size).toBeGreaterThan(1_000_000);
      expect(readdirSync(folder).toSorted()).toEqual(["link.tar", "old.tar"]);
    });

    test("a reader that goes away: stowage pack result -o - | head -c 1", async () => {
      const command = `${stowageWords.join(" ")} pack ${fortuneCat.link} -o -; echo "status $?" >&2`;
      const piped = spawn("sh", ["-c", `(${command}) | head -c 1 >/dev/null`], {
        env: environment,
        stdio: ["ignore", "ignore", "pipe"],
      });
      let said = "";
      piped.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
      await once(piped, "exit");
      expect(said).toMatch(/^stowage: the reader of .* went away before all was written\n.*\nstatus 4\n$/);
    });
  });

  describe("signals", () => {
    test.each([
      ["SIGHUP", 129],
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const)("%s in the middle of a pack", busyMachine, async (signal, status) => {
      const roots = join(cache, "stowage", "roots");
      const stages: ((folder: string) => string)[] = [() => roots, (folder) => folder];
      for (const stage of stages) {
        const folder = temporaryFolder();
        const [program = "", ...words] = stowageWords;
        const packing = spawn(program, [...words, "pack", fortuneCat.link, "-o", "image.tar"], {
          cwd: folder,
          env: environment,
          stdio: ["ignore", "ignore", "pipe"],
        });
        let said = "";
        packing.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
        const exited = once(packing, "exit");
        await waitForEntry(stage(folder));
        packing.kill(signal);
        const began = performance.now();
        expect(statusOf((await exited) as Ended)).toBe(status);
        expect(performance.now() - began).toBeLessThan(1000);
        expect(said).toBe(`stowage: stopped by ${signal}\n`);
        expect(readdirSync(folder)).toEqual([]);
      }
    });

    test("SIGTERM while a reader stands still", busyMachine, async () => {
      const [program = "", ...words] = stowageWords;
      const packing = spawn(program, [...words, "pack", fortuneCat.link, "-o", "-"], {
        env: environment,
        stdio: ["ignore", "pipe", "pipe"],
      });
      await once(packing.stdout, "readable");
      await sleep(300);
      const exited = once(packing, "exit");
      packing.kill("SIGTERM");
      const began = performance.now();
      expect(statusOf((await exited) as Ended)).toBe(143);
      expect(performance.now() - began).toBeLessThan(1000);
    });

    test.skipIf(!hasProgram("mkfifo"))(
      "SIGTERM while a FIFO has no reader; with a reader it is written",
      busyMachine,
      async () => {
        const folder = temporaryFolder();
        execFileSync("mkfifo", [join(folder, "fifo")]);
        const [program = "", ...words] = stowageWords;
        const start = () =>
          spawn(program, [...words, "pack", fortuneCat.link, "-o", "fifo"], {
            cwd: folder,
            env: environment,
            stdio: "ignore",
          });
        const waiting = start();
        await waitForEntry(join(cache, "stowage", "roots"));
        await sleep(300);
        waiting.kill("SIGTERM");
        expect(statusOf((await once(waiting, "exit")) as Ended)).toBe(143);
        const packing = start();
        const exited = once(packing, "exit");
        const members = execFileSync("tar", ["-tBf", join(folder, "fifo")], { encoding: "utf8" })
          .trim()
          .split("\n");
        expect(members.at(-1)).toBe("manifest.json");
        expect(await exited).toEqual([0, null]);
      },
    );
  });

  test("the store's temporary roots are gone after every run", () => {
    const roots = join(cache, "stowage", "roots");
    expect(readdirSync(roots)).toEqual([]);
  });
});

/** Waits until there is something in a folder. */
async function waitForEntry(folder: string): Promise<void> {
  for (let tries = 0; tries < 4000; tries++) {
    if (existsSync(folder) && readdirSync(folder).length > 0) return;
    await sleep(5);
  }
  throw new Error(`nothing appears in ${folder}`);
}
