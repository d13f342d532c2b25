import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { busyMachine } from "../support/busy-machine.ts";
import { startDocker, type Docker } from "../support/docker.ts";
import { freePort } from "../support/free-port.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { expectMatchesNix } from "../support/sound-image.ts";
import { stowage, stowageWords } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { waitForAnswer } from "../support/wait-for.ts";
import { buildFlake, buildWorld, type Built } from "../support/world.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store", "dockerd", "docker");

describe.skipIf(!ready)("from flake to running container, in Docker", () => {
  let docker: Docker;
  let fortuneCat: Built;

  beforeAll(async () => {
    fortuneCat = buildFlake("fortune-cat");
    docker = await startDocker();
  });
  afterAll(async () => {
    await docker[Symbol.asyncDispose]();
    fortuneCat[Symbol.dispose]();
  });

  /** Packs, loads and returns the name to run. */
  async function packAndLoad(target: string, ...words: string[]): Promise<string> {
    const file = join(temporaryFolder(), "image.tar");
    const packed = await stowage(["pack", target, "-o", file, "--json", ...words]);
    expect(packed.stderr).toBe("");
    expect(packed.exitCode).toBe(0);
    await expectMatchesNix(file);
    const loaded = await docker.run("load", "-i", file);
    const { tags, imageId } = JSON.parse(packed.stdout) as { tags: string[]; imageId: string };
    expect(loaded).toBe(`Loaded image: ${tags[0]}`);
    expect(await docker.run("image", "inspect", "--format", "{{.Id}}", tags[0] as string)).toBe(imageId);
    return tags[0] as string;
  }

  async function answerOf(container: string, port: number): Promise<string> {
    try {
      const response = await waitForAnswer(`http://127.0.0.1:${port}/cat`);
      expect(response.status).toBe(200);
      return await response.text();
    } catch (error) {
      throw new Error(`no answer; the container says: ${await docker.run("logs", container)}`, {
        cause: error,
      });
    }
  }

  const service = (port: number): string[] => [
    "--network",
    "host",
    "-e",
    `PORT=${port}`,
    "-e",
    "HOST=127.0.0.1",
    "-e",
    "CATAAS_URL=http://127.0.0.1:1",
  ];

  test("GET /cat answers with a page, and SIGTERM stops it within a second", busyMachine, async () => {
    const image = await packAndLoad(fortuneCat.link);
    const port = await freePort();
    const container = await docker.run("run", "-d", ...service(port), image);
    expect(await answerOf(container, port)).toMatch(/<!doctype html>[\s\S]*<blockquote>/);
    const began = performance.now();
    await docker.run("kill", "--signal", "TERM", container);
    expect(await docker.run("wait", container)).toBe("0");
    expect(performance.now() - began).toBeLessThan(1000);
    expect(await docker.run("logs", container)).toContain("Fortune Cat listens");
  });

  test("it works read-only, as a user who is not root, without capabilities", async () => {
    const image = await packAndLoad(fortuneCat.link, "-u", "cat", "-t", "fortune-cat:user");
    expect(await docker.run("image", "inspect", "--format", "{{.Config.User}}", image)).toBe("1000:1000");
    const port = await freePort();
    const container = await docker.run(
      "run",
      "-d",
      "--read-only",
      "--cap-drop",
      "ALL",
      ...service(port),
      image,
    );
    await answerOf(container, port);
    expect(await docker.run("exec", container, "/result/bin/fortune-cat-health")).toBe("ok");
    await docker.run("kill", container);
  });

  test("the streamed form: stowage pack result -o - | docker load", async () => {
    const image = await packAndLoad(fortuneCat.link);
    const expected = await docker.run("image", "inspect", "--format", "{{.Id}}", image);
    await docker.run("image", "rm", "-f", image);
    const command = `${stowageWords.join(" ")} -q pack ${fortuneCat.link} -o - | docker -H ${docker.host} load`;
    const { stdout } = await execa({ shell: "/bin/sh", env: nixEnvironment })`${command}`;
    expect(stdout).toBe("Loaded image: fortune-cat:latest");
    expect(await docker.run("image", "inspect", "--format", "{{.Id}}", image)).toBe(expected);
  });

  test("docker save gives the same layer bytes back", async () => {
    const folder = temporaryFolder();
    const file = join(folder, "image.tar");
    const packed = await stowage(["pack", fortuneCat.link, "-o", file, "--json", "-t", "saved:1"]);
    const { layers } = JSON.parse(packed.stdout) as { layers: { diffId: string }[] };
    await docker.run("load", "-i", file);
    await docker.run("save", "-o", join(folder, "saved.tar"), "saved:1");
    await expectMatchesNix(join(folder, "saved.tar"));
    const saved = join(folder, "saved");
    mkdirSync(saved);
    execFileSync("tar", ["-xf", join(folder, "saved.tar"), "-C", saved]);
    const [manifest] = JSON.parse(readFileSync(join(saved, "manifest.json"), "utf8")) as {
      Layers: string[];
    }[];
    const digests = manifest?.Layers.map(
      (layer) =>
        `sha256:${execFileSync("sha256sum", [join(saved, layer)], { encoding: "utf8" }).slice(0, 64)}`,
    );
    expect(digests).toEqual(layers.map((layer) => layer.diffId));
  });

  test("a target that is one executable file runs", async () => {
    using built = buildWorld("tests.single-file");
    const image = await packAndLoad(built.link);
    expect(await docker.run("run", "--rm", "--network", "none", image)).toBe("one file");
  });

  test("a wrapped program runs, its hidden half not being counted", async () => {
    using built = buildWorld("tests.wrapped");
    const image = await packAndLoad(built.link);
    expect(await docker.run("run", "--rm", "--network", "none", image)).toBe("wrapped hello");
  });

  test("a path inside a store path names the program", async () => {
    using built = buildWorld("tests.several");
    const image = await packAndLoad(`${built.link}/bin/two`);
    expect(await docker.run("run", "--rm", "--network", "none", image)).toBe("two");
  });

  test("what stands beside the store paths: tmp, users, home, own files, shell", async () => {
    using built = buildWorld("tests.wrapped");
    using coreutils = buildWorld("coreutils");
    const folder = temporaryFolder();
    execFileSync("sh", ["-c", "umask 077; echo hello > motd"], { cwd: folder });
    const image = await packAndLoad(
      built.link,
      coreutils.link,
      "-u",
      "app",
      "-t",
      "extras:1",
      "--with",
      "shell",
      "--add",
      `${join(folder, "motd")}:/etc/motd`,

      "--dir",
      "/var/lib/app:0750:app",
      "--dir",
      "/srv",
      "-w",
      "/srv",
      "--entrypoint",
      "[]",
      "--cmd",
      "/bin/sh",
    );
    const inside = (script: string): Promise<string> =>
      docker.run("run", "--rm", "--network", "none", image, "/bin/sh", "-c", script);
    expect(await inside("id; echo $HOME; touch $HOME/x /tmp/y; pwd; cat /etc/motd")).toBe(
      "uid=1000(app) gid=1000(app) groups=1000(app)\n/home/app\n/srv\nhello",
    );
    expect(
      await inside("stat -c '%a %u:%g %n' /tmp /var/lib/app /etc/motd /home/app /srv /root /nix/store"),
    ).toBe(
      [
        "1777 0:0 /tmp",
        "750 1000:1000 /var/lib/app",
        "644 0:0 /etc/motd",
        "755 1000:1000 /home/app",
        "755 0:0 /srv",
        "700 0:0 /root",
        "755 0:0 /nix/store",
      ].join("\n"),
    );
    expect(await inside("readlink /result; /usr/bin/env true && echo env")).toMatch(
      /^\/nix\/store\/\w{32}-wrapped-2\.1\nenv$/,
    );
  });
});
