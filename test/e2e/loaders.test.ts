import { createHash } from "node:crypto";
import { lstatSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readTree } from "@stowage/nix";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startContainerd } from "../support/containerd.ts";
import { freePort } from "../support/free-port.ts";
import { makePodman, podmanLimits } from "../support/podman.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { repository } from "../support/repository.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { waitForAnswer } from "../support/wait-for.ts";
import { buildFlake, closureOf, type Built } from "../support/world.ts";

const ready =
  requireWorld() &&
  requirePrograms("nix", "nix-store", "podman", "skopeo", "umoci", "containerd", "ctr", "runc");

describe.skipIf(!ready)("the same archive in other loaders", () => {
  let fortuneCat: Built;
  let archive: string;
  let imageId: string;
  let manifestDigest: string;
  let layers: { paths: string[] }[];

  beforeAll(async () => {
    fortuneCat = buildFlake("fortune-cat");
    archive = join(fortuneCat.folder, "image.tar");
    const packed = await stowage([
      "pack",
      fortuneCat.link,
      "-o",
      archive,
      "--json",
      "-t",
      "fortune-cat:0.1.0",
    ]);
    ({ imageId, manifestDigest, layers } = JSON.parse(packed.stdout) as {
      imageId: string;
      manifestDigest: string;
      layers: { paths: string[] }[];
    });
  });
  afterAll(() => fortuneCat[Symbol.dispose]());

  test("podman loads and runs it", async () => {
    const podman = makePodman();
    const loaded = await podman("load", "-i", archive);
    expect(loaded.stdout).toContain("docker.io/library/fortune-cat:0.1.0");
    const { stdout: id } = await podman("image", "inspect", "--format", "{{.Id}}", "fortune-cat:0.1.0");
    expect(`sha256:${id}`).toBe(imageId);
    const port = await freePort();
    const variables = ["-e", `PORT=${port}`, "-e", "HOST=127.0.0.1", "-e", "CATAAS_URL=http://127.0.0.1:1"];
    const running = podman(
      "run",
      "--rm",
      "--name",
      `cat-${port}`,
      "--network",
      "host",
      ...podmanLimits,
      ...variables,
      "fortune-cat:0.1.0",
    );
    const answer = await waitForAnswer(`http://127.0.0.1:${port}/cat`);
    expect(answer.status).toBe(200);
    await podman("kill", "--signal", "TERM", `cat-${port}`);
    expect((await running).exitCode).toBe(0);
  });

  test.each(["docker-archive", "oci-archive"])("skopeo inspects it as %s", async (transport) => {
    const { stdout } = await execa("skopeo", ["inspect", "--raw", `${transport}:${archive}`]);
    const manifest = JSON.parse(stdout) as { layers: unknown[] };
    expect(manifest.layers).toHaveLength(layers.length);
    expect(layers.flatMap(({ paths }) => paths)).toHaveLength(closureOf(fortuneCat.link).length);
    const { stdout: config } = await execa("skopeo", [
      "inspect",
      "--config",
      "--raw",
      `${transport}:${archive}`,
    ]);
    expect(`sha256:${createHash("sha256").update(config).digest("hex")}`).toBe(imageId);
  });

  test("umoci unpacks what the store holds, file by file", async () => {
    const folder = temporaryFolder();
    const layout = join(folder, "layout");
    const packed = await stowage([
      "pack",
      fortuneCat.link,
      "-o",
      layout,
      "--format",
      "oci-dir",
      "-t",
      "fortune-cat:0.1.0",
      "--json",
    ]);
    expect(JSON.parse(packed.stdout)).toMatchObject({ imageId, manifestDigest });
    await execa("umoci", ["unpack", "--image", `${layout}:0.1.0`, join(folder, "bundle")]);
    const root = join(folder, "bundle", "rootfs");
    let files = 0;
    for (const path of closureOf(fortuneCat.link)) {
      const stored = [...readTree({ directory: path })];
      const unpacked = [...readTree({ directory: join(root, path) })];
      expect(unpacked.map(describeEntry)).toEqual(stored.map(describeEntry));
      for (const entry of stored) {
        if (entry.type !== "file") continue;
        files++;
        const place = Buffer.concat([
          Buffer.from(path),
          Buffer.from(entry.path.length > 0 ? "/" : ""),
          entry.path,
        ]);
        expect(readFileSync(Buffer.concat([Buffer.from(root), place])).equals(readFileSync(place))).toBe(
          true,
        );
      }
    }
    expect(files).toBeGreaterThan(1000);
    expect(readlinkSync(join(root, "result"))).toBe(readlinkSync(fortuneCat.link));
    expect(lstatSync(join(root, "tmp")).mode & 0o7777).toBe(0o1777);
  });

  test("containerd imports it under its name with the same digest, and starts it", async () => {
    const containerd = await startContainerd();
    await containerd.ctr("image", "import", "--snapshotter", "native", archive);
    const { stdout } = await containerd.ctr("image", "ls");
    expect(stdout).toContain(
      `docker.io/library/fortune-cat:0.1.0 application/vnd.oci.image.manifest.v1+json ${manifestDigest}`,
    );
    const result = await containerd
      .ctr(
        "run",
        "--rm",
        "--snapshotter",
        "native",
        "docker.io/library/fortune-cat:0.1.0",
        "one",
        "/result/bin/fortune-cat-health",
      )
      .catch((error: unknown) => error);
    // Nobody listens there: what counts is that curl ran.
    expect(result).toMatchObject({ stderr: expect.stringContaining("Couldn't connect to server") });
  });

  test("containerd starts an image of more than 500 store paths", async () => {
    const many = await makeManyPaths(505);
    const file = join(many, "many.tar");
    const words = ["--json", "-t", "many:1", "--layering", "popularity"];
    const packed = await stowage(["pack", join(many, "result"), "-o", file, ...words]);
    const result = JSON.parse(packed.stdout) as { closure: { paths: number }; layers: unknown[] };
    expect(result.closure.paths).toBeGreaterThan(500);
    expect(result.layers).toHaveLength(100);
    const containerd = await startContainerd();
    await containerd.ctr("image", "import", "--snapshotter", "native", file);
    const { stdout } = await containerd.ctr(
      "run",
      "--rm",
      "--snapshotter",
      "native",
      "docker.io/library/many:1",
      "many",
    );
    expect(stdout).toBe("505 paths");
  });
});

function describeEntry(entry: ReturnType<typeof readTree> extends Iterable<infer E> ? E : never): string {
  const name = entry.path.toString("latin1");
  if (entry.type === "symlink") return `${name} -> ${entry.target.toString("latin1")}`;
  return entry.type === "file" ? `${name} ${entry.size} ${entry.executable}` : `${name}/`;
}

/** A build that refers to `count - 2` small packages and a shell, made by real Nix. */
async function makeManyPaths(count: number): Promise<string> {
  const folder = temporaryFolder();
  const expression = `
    { world }:
    let
      pkgs = import (world + "/packages.nix") { system = builtins.currentSystem; };
      parts = builtins.genList (n: builtins.toFile "part-\${toString n}" "part \${toString n}") ${count - 3};
    in
    pkgs.runCommand "many-1.0" { inherit parts; } ''
      mkdir -p $out/bin $out/share
      printf '%s\\n' $parts > $out/share/parts
      printf '#!%s\\necho ${count} paths\\n' \${pkgs.runtimeShell} > $out/bin/many
      chmod +x $out/bin/many
    ''`;
  writeFileSync(join(folder, "many.nix"), expression);
  const words = [
    join(folder, "many.nix"),
    "--arg",
    "world",
    join(repository, "test/world"),
    "--out-link",
    join(folder, "result"),
  ];
  await execa("nix-build", words, { env: nixEnvironment });
  expect(closureOf(join(folder, "result"))).toHaveLength(count);
  return folder;
}
