import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { share } from "../support/campaign.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { expectMatchesNix } from "../support/sound-image.ts";
import { stowage, stowageWords } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { buildFlake, type Built } from "../support/world.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store", "nix-daemon", "setpriv");

describe.skipIf(!ready)("the same closure gives the same bytes", () => {
  let fortuneCat: Built;
  let expected: string;

  beforeAll(async () => {
    fortuneCat = buildFlake("fortune-cat");
    expected = await digestOfPack(["pack", fortuneCat.link], {}, fortuneCat.folder);
  });
  afterAll(() => fortuneCat[Symbol.dispose]());

  async function digestOfPack(
    words: string[],
    options: { env?: NodeJS.ProcessEnv; cwd?: string },
    folder: string = temporaryFolder(),
  ): Promise<string> {
    const file = join(folder, "image.tar");
    const packed = await stowage([...words, "-o", file], {
      ...options,
      env: { ...nixEnvironment, ...options.env },
    });
    expect(packed.exitCode, packed.stderr).toBe(0);
    return sha256(file);
  }

  test.each<[string, string[], NodeJS.ProcessEnv]>([
    ...[1, ...share([2, 3, 4, 5, 7, 8, 16, 64, 1024], 1)].map(
      (jobs): [string, string[], NodeJS.ProcessEnv] => [`--jobs ${jobs}`, ["--jobs", `${jobs}`], {}],
    ),
    ["another time zone", [], { TZ: "Pacific/Kiritimati" }],
    ["another locale", [], { LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" }],
    ["SOURCE_DATE_EPOCH set", [], { SOURCE_DATE_EPOCH: "315532800" }],
    ["another home and cache", [], { HOME: "/nonexistent", XDG_CACHE_HOME: "/nonexistent/cache" }],
  ])("with %s", async (_, words, env) => {
    expect(await digestOfPack(["pack", fortuneCat.link, ...words], { env })).toBe(expected);
  });

  test("streamed with one job", async () => {
    const [program = "", ...rest] = stowageWords;
    const words = [...rest, "pack", fortuneCat.link, "-o", "-", "--jobs", "1"];
    const streamed = await execa(program, words, {
      env: nixEnvironment,
      encoding: "buffer",
      maxBuffer: 2 ** 30,
    });
    const file = join(temporaryFolder(), "image.tar");
    await stowage(["pack", fortuneCat.link, "--format", "docker-archive", "-o", file]);
    await expectMatchesNix(file);
    expect(createHash("sha256").update(streamed.stdout).digest("hex")).toBe(sha256(file));
  });

  test("in another directory, by the store path, through another link", async () => {
    const folder = temporaryFolder();
    symlinkSync(fortuneCat.link, join(folder, "-odd link"));
    const file = join(folder, "image.tar");
    const packed = await stowage(["pack", "-o", file, "--", "-odd link"], { cwd: folder });
    expect(packed.exitCode, packed.stderr).toBe(0);
    expect(sha256(file)).toBe(expected);
    expect(await digestOfPack(["pack", realpathSync(fortuneCat.link)], { cwd: folder })).toBe(expected);
  });

  test("with another umask", async () => {
    const digests = await Promise.all(
      ["000", "077"].map(async (umask) => {
        const file = join(temporaryFolder(), "image.tar");
        const command = `umask ${umask}; exec ${stowageWords.join(" ")} pack ${fortuneCat.link} -o ${file}`;
        await execa("sh", ["-c", command], { env: nixEnvironment });
        return sha256(file);
      }),
    );
    expect(digests).toEqual([expected, expected]);
  });

  test("as another user, through a root nix-daemon", async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    const home = join(folder, "home");
    mkdirSync(home);
    chmodSync(home, 0o777);
    const socket = join(folder, "socket");
    const daemon = spawn("nix-daemon", {
      env: { ...nixEnvironment, NIX_DAEMON_SOCKET_PATH: socket },
      stdio: "ignore",
    });
    const exited = new Promise((resolve) => daemon.on("exit", resolve));
    onTestFinished(async () => {
      daemon.kill("SIGTERM");
      await exited;
    });
    for (let tries = 0; !existsSync(socket) && tries < 1200; tries++) await sleep(50);
    chmodSync(socket, 0o666);
    chmodSync(fortuneCat.folder, 0o755);
    const user = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    const packed = await execa(
      "setpriv",
      [...user, ...stowageWords, "pack", fortuneCat.link, "-o", join(home, "image.tar")],
      {
        cwd: home,
        extendEnv: false,
        env: { PATH: process.env["PATH"], HOME: home, NIX_REMOTE: `unix://${socket}` },
      },
    );
    expect(packed.stderr).not.toContain("warning");
    expect(sha256(join(home, "image.tar"))).toBe(expected);
  });

  test("every form holds the same image", async () => {
    const folder = temporaryFolder();
    const forms = ["archive", "docker-archive", "oci-dir"];
    const identities = await Promise.all(
      forms.map(async (format) => {
        const packed = await stowage([
          "pack",
          fortuneCat.link,
          "--json",
          "--format",
          format,
          "-o",
          join(folder, format),
        ]);
        const { imageId, manifestDigest, layers } = JSON.parse(packed.stdout) as Record<string, unknown>;
        return JSON.stringify({ imageId, manifestDigest, layers });
      }),
    );
    expect(new Set(identities).size).toBe(1);
  });
});

function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
