import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { repository } from "../support/repository.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { waitForAnswer } from "../support/wait-for.ts";
import { buildFlake, closureOf, type Built } from "../support/world.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store", "chroot", "strace");
const world = ["--override-input", "nixpkgs", `path:${repository}/test/world`];

describe.skipIf(!ready)("Fortune Cat's Nix build", () => {
  let fortuneCat: Built;
  beforeAll(() => {
    fortuneCat = buildFlake("fortune-cat");
  });
  afterAll(() => fortuneCat[Symbol.dispose]());

  test("its closure has at least 30 store paths, each a package with its version", () => {
    const names = closureOf(fortuneCat.link).map((path) => path.slice(44));
    expect(names.length).toBeGreaterThanOrEqual(30);
    expect(names.filter((name) => !/-\d/.test(name))).toEqual([]);
    expect(names.some((name) => name.startsWith("nodejs-24"))).toBe(true);
    expect(names.some((name) => name.startsWith("fortune-"))).toBe(true);
  });

  test("it runs in a root that holds its closure and nothing else, and reads nothing outside", async () => {
    const root = temporaryFolder();
    mkdirSync(join(root, "nix/store"), { recursive: true });
    for (const path of closureOf(fortuneCat.link)) execFileSync("cp", ["-a", path, join(root, path)]);
    const trace = join(temporaryFolder(), "trace");
    const port = await freePort();
    const program = `${realpathSync(fortuneCat.link)}/bin/fortune-cat`;
    const service = spawn(
      "strace",
      ["-f", "-qq", "-e", "trace=%file", "-o", trace, "chroot", root, program],
      {
        env: {
          PATH: process.env["PATH"],
          PORT: String(port),
          HOST: "127.0.0.1",
          CATAAS_URL: "http://127.0.0.1:1",
        },
        stdio: "ignore",
      },
    );
    onTestFinished(() => void service.kill("SIGKILL"));
    const answer = await waitForAnswer(`http://127.0.0.1:${port}/cat`);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain("<blockquote>");
    execFileSync("pkill", ["-TERM", "-P", String(service.pid)]);
    await once(service, "exit");
    const calls = readFileSync(trace, "utf8");
    const inside = calls.slice(calls.indexOf(`execve("${program}"`));
    expect(inside).not.toBe("");
    const succeeded = inside
      .split("\n")
      .filter((line) => /"\/(usr|lib|etc)\//.test(line) && !/ = -1 E/.test(line));
    expect(succeeded).toEqual([]);
  });

  test("it builds in a real sandbox too", () => {
    const sandboxed = ["--rebuild", "--option", "sandbox", "true", "--option", "sandbox-fallback", "false"];
    execFileSync("nix", ["build", `${repository}#fortune-cat`, ...world, "--no-link", ...sandboxed], {
      env: nixEnvironment,
      stdio: "pipe",
    });
  });

  test("the flake exposes packages, app and shell for four systems", () => {
    const shown = execFileSync("nix", ["flake", "show", "--json", repository, ...world], {
      env: nixEnvironment,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { packages, apps, devShells } = JSON.parse(shown) as Record<
      string,
      Record<string, Record<string, unknown>>
    >;
    const systems = ["aarch64-darwin", "aarch64-linux", "x86_64-darwin", "x86_64-linux"];
    for (const outputs of [packages, apps, devShells])
      expect(Object.keys(outputs ?? {}).toSorted()).toEqual(systems);
    for (const system of systems)
      expect(Object.keys(packages?.[system] ?? {})).toEqual(
        expect.arrayContaining(["default", "fortune-cat"]),
      );
  });

  test("nix run starts it", async () => {
    const port = await freePort();
    const running = spawn("nix", ["run", repository, ...world], {
      env: { ...nixEnvironment, PORT: String(port), HOST: "127.0.0.1" },
      stdio: "ignore",
    });
    onTestFinished(() => void running.kill("SIGKILL"));
    expect((await waitForAnswer(`http://127.0.0.1:${port}/health`)).status).toBe(200);
    running.kill("SIGTERM");
    expect(await once(running, "exit")).toEqual([0, null]);
  });

  test("flake.lock is untouched and names the nixpkgs revision", () => {
    const lock = JSON.parse(readFileSync(join(repository, "flake.lock"), "utf8")) as {
      nodes: { nixpkgs: { locked: Record<string, unknown> } };
    };
    expect(lock.nodes.nixpkgs.locked).toMatchObject({
      rev: "94def634a20494ee057c76998843c015909d6311",
      narHash: "sha256-K2ViRJfdVGE8tpJejs8Qpvvejks1+A4GQej/lBk5y7I=",
      lastModified: 1753939845,
    });
  });
});
