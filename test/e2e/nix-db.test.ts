import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
} from "node:fs";
import { basename, join } from "node:path";
import { pack, type PackOptions } from "@stowage/core";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makePodman, podmanLimits } from "../support/podman.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { expectMatchesNix } from "../support/sound-image.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { buildWorld, closureOf, type Built } from "../support/world.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store", "tar", "podman", "runc");

describe.skipIf(!ready)("--with nix-db: an image in which Nix works", () => {
  let wrapped: Built;
  let target: string;
  beforeAll(() => {
    wrapped = buildWorld("tests.wrapped");
    target = realpathSync(wrapped.link);
  });
  afterAll(() => wrapped[Symbol.dispose]());

  async function packed(options: Partial<PackOptions> = {}): Promise<string> {
    const output = join(temporaryFolder(), "image.tar");
    await pack({
      targets: [wrapped.link],
      with: ["nix-db"],
      output,
      environment: nixEnvironment,
      ...options,
    });
    await expectMatchesNix(output);
    return output;
  }

  /** The file system of an image, as a root that Nix takes for a store. */
  function unpacked(archive: string): string {
    const folder = temporaryFolder();
    const root = join(folder, "root");
    mkdirSync(root);
    execFileSync("tar", ["-xf", archive, "-C", folder]);
    const [{ Layers }] = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as [
      { Layers: string[] },
    ];
    for (const layer of Layers)
      execFileSync("tar", ["-xpf", join(folder, layer), "-C", root], { stdio: "ignore" });
    return root;
  }

  const nixIn = (root: string, program: string, ...words: string[]) =>
    execa(program, [...words, "--store", `local?root=${root}`], { env: nixEnvironment, reject: false });

  test("Nix finds the closure valid, with what each path refers to, its size and its hash", async () => {
    const root = unpacked(await packed());
    const closure = closureOf(wrapped.link);
    const listed = await nixIn(root, "nix-store", "-qR", target);
    expect(listed).toMatchObject({ exitCode: 0 });
    expect(listed.stdout.split("\n").toSorted()).toEqual(closure.toSorted());
    // Nothing but where it was built and when differs from what this machine's Nix says.
    const dump = async (...words: string[]): Promise<string[]> => {
      const { stdout } = await execa("nix-store", ["--dump-db", ...closure, ...words], {
        env: nixEnvironment,
      });
      return stdout.split("\n").filter((line) => !line.endsWith(".drv") && line !== "");
    };
    expect(await dump("--store", `local?root=${root}`)).toEqual(await dump());
    expect(await nixIn(root, "nix-store", "--verify", "--check-contents")).toMatchObject({ exitCode: 0 });
    const info = await nixIn(root, "nix", "path-info", "--recursive", "--json", target);
    expect(info.exitCode).toBe(0);
    expect(info.stdout).toContain(`"${target}"`);
  });

  test("what was packed is kept when garbage is collected, what is added is not", async () => {
    const root = unpacked(await packed());
    const added = await nixIn(root, "nix-store", "--add", import.meta.filename);
    expect(added.exitCode).toBe(0);
    const gone = join(root, added.stdout);
    expect(existsSync(gone)).toBe(true);
    expect(await nixIn(root, "nix-store", "--gc")).toMatchObject({ exitCode: 0 });
    expect(existsSync(gone)).toBe(false);
    const left = await nixIn(root, "nix-store", "-qR", target);
    for (const path of left.stdout.split("\n")) expect(existsSync(join(root, path))).toBe(true);
    expect(left.stdout.split("\n")).toHaveLength(closureOf(wrapped.link).length);
    expect(await nixIn(root, "nix-store", "--verify", "--check-contents")).toMatchObject({ exitCode: 0 });
  });

  test("with --with shell the shell is valid and kept too", async () => {
    const root = unpacked(await packed({ with: ["nix-db", "shell"] }));
    const shell = readlinkSync(join(root, "bin/sh")).split("/").slice(0, 4).join("/");
    expect((await nixIn(root, "nix-store", "-qR", shell)).stdout).toContain(shell);
    const roots = join(root, "nix/var/nix/gcroots/image");
    for (const name of readdirSync(roots)) expect(readlinkSync(join(roots, name))).toBe(`/nix/store/${name}`);
    expect(readdirSync(roots)).toContain(basename(target));
    expect(statSync(join(root, "nix/var/nix/db/db.sqlite")).mode & 0o777).toBe(0o644);
  });

  test("in a container of the image Nix works as in any system", async () => {
    const podman = makePodman();
    await podman("load", "-i", await packed({ tags: ["with-nix:1"] }));
    // The programs are this machine's, everything in /nix is the image's.
    const programs = ["/usr", "/lib", "/lib64"].filter((place) => existsSync(place));
    const script = [
      "set -e",
      `nix-store -qR ${target}`,
      "nix-store --verify --check-contents",
      "nix path-info --recursive /result",
      "nix-store --add /etc/passwd",
      "nix-store --gc >/dev/null",
      `nix-store -q --hash ${target}`,
    ];
    const mounts = programs.flatMap((place) => ["-v", `${realpathSync(place)}:${place}:ro`]);
    const config = `NIX_CONFIG=${nixEnvironment["NIX_CONFIG"] ?? ""}`;
    const variables = ["-e", "PATH=/usr/bin", "-e", "HOME=/root", "-e", config];
    const shell = ["--entrypoint", "/usr/bin/sh", "with-nix:1", "-c", script.join("\n")];
    const said = await podman(
      "run",
      "--rm",
      "--network",
      "host",
      ...podmanLimits,
      ...mounts,
      ...variables,
      ...shell,
    );
    const hash = execFileSync("nix-store", ["-q", "--hash", target], {
      env: nixEnvironment,
      encoding: "utf8",
    });
    expect(said.stdout).toContain(hash.trim());
    const twice = said.stdout.split("\n").filter((line) => line === target);
    expect(twice).toHaveLength(2);
  });

  test("the bytes are the closure's alone: from an exported closure they are the same", async () => {
    const text = execFileSync("nix-store", ["--dump-db", ...closureOf(wrapped.link)], {
      env: nixEnvironment,
      encoding: "utf8",
    });
    const first = readFileSync(await packed());
    expect(first.equals(readFileSync(await packed({ graph: text, targets: [target] })))).toBe(true);
  });

  test("a base with a database of its own is refused", async () => {
    const base = await packed();
    const { exitCode, stderr } = await stowage(
      [
        "pack",
        wrapped.link,
        "--base",
        base,
        "--link",
        "/other",
        "--with",
        "nix-db",
        "-o",
        join(temporaryFolder(), "image.tar"),
      ],
      {},
    );
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/\/nix\/var\/nix\/db\/db\.sqlite is wanted by two: the base and --with nix-db/);
  });
});

test("--with says which words it knows", async () => {
  const { exitCode, stderr } = await stowage(["pack", "x", "--with", "nix-database"]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain("Take shell, ca-certificates, tz, nix-db.");
});
