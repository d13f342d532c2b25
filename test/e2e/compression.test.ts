import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startContainerd } from "../support/containerd.ts";
import { startDocker } from "../support/docker.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { makePodman, podmanLimits } from "../support/podman.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { stowage, stowageWords } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { buildWorld, type Built } from "../support/world.ts";

const programs = [
  "nix",
  "nix-store",
  "dockerd",
  "docker",
  "podman",
  "skopeo",
  "umoci",
  "containerd",
  "ctr",
  "runc",
];
const ready = requireWorld() && requirePrograms(...programs, "gzip", "pigz", "zstd");
const codecs = ["gzip", "zstd"] as const;

interface Packed {
  readonly imageId: string;
  readonly manifestDigest: string;
  readonly layers: readonly { readonly diffId: string; readonly digest: string; readonly size: number }[];
}

describe.skipIf(!ready)("compressed layers", () => {
  let built: Built;
  let plain: Packed;
  beforeAll(async () => {
    built = buildWorld("tests.wrapped");
    plain = await pack("-o", join(built.folder, "plain.tar"));
  });
  afterAll(() => built[Symbol.dispose]());

  async function pack(...words: string[]): Promise<Packed> {
    const packed = await stowage(["pack", built.link, "-t", "wrapped:1", "--json", ...words]);
    expect(packed.exitCode, packed.stderr).toBe(0);
    return JSON.parse(packed.stdout) as Packed;
  }

  async function archive(codec: string, ...words: string[]): Promise<{ file: string; packed: Packed }> {
    const file = join(temporaryFolder(), "image.tar");
    return { file, packed: await pack("-o", file, "--compression", codec, ...words) };
  }

  test("Docker loads and runs them, from the archive and from a stream; zstd from version 23 on", async () => {
    await using docker = await startDocker();
    const version = await docker.run("version", "--format", "{{.Server.Version}}");
    for (const codec of codecs) {
      const { file, packed } = await archive(codec);
      // The image ID is that of the plain image: compression is no part of it.
      expect(packed.imageId).toBe(plain.imageId);
      if (codec === "zstd" && Number.parseInt(version, 10) < 23) {
        await expect(docker.run("load", "-i", file)).rejects.toThrow("invalid tar header");
        continue;
      }
      expect(await docker.run("load", "-i", file)).toBe("Loaded image: wrapped:1");
      expect(await docker.run("image", "inspect", "--format", "{{.Id}}", "wrapped:1")).toBe(plain.imageId);
      expect(await docker.run("run", "--rm", "--network", "none", "wrapped:1")).toBe("wrapped hello");
      await docker.run("rmi", "wrapped:1");
      const [program = "", ...rest] = stowageWords;
      const words = ["pack", built.link, "-t", "wrapped:1", "-o", "-", "--compression", codec, "--spool"];
      const stream = await execa(program, [...rest, ...words], { env: nixEnvironment, encoding: "buffer" });
      const loaded = await execa("docker", ["-H", docker.host, "load"], {
        input: Buffer.from(stream.stdout),
      });
      expect(loaded.stdout).toBe("Loaded image: wrapped:1");
      expect(await docker.run("image", "inspect", "--format", "{{.Id}}", "wrapped:1")).toBe(plain.imageId);
      await docker.run("rmi", "wrapped:1");
    }
  });

  test.each(codecs)("stowage itself verifies every form: %s", async (codec) => {
    const folder = temporaryFolder();
    for (const format of ["archive", "docker-archive", "oci-dir"]) {
      await pack("-o", join(folder, format), "--format", format, "--compression", codec);
      const verified = await stowage(["verify", join(folder, format)]);
      expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0);
    }
  });

  test.each(codecs)("containerd imports and runs them: %s", async (codec) => {
    const { file, packed } = await archive(codec);
    const containerd = await startContainerd();
    const name = "docker.io/library/wrapped:1";
    await containerd.ctr("image", "import", "--snapshotter", "native", file);
    expect((await containerd.ctr("image", "ls")).stdout).toContain(`${name} `);
    expect((await containerd.ctr("image", "ls")).stdout).toContain(packed.manifestDigest);
    const { stdout } = await containerd.ctr("run", "--rm", "--snapshotter", "native", name, codec);
    expect(stdout).toBe("wrapped hello");
  });

  test.each(codecs)("podman loads and runs them: %s", async (codec) => {
    const { file } = await archive(codec);
    const podman = makePodman();
    await podman("load", "-i", file);
    const { stdout: id } = await podman("image", "inspect", "--format", "{{.Id}}", "wrapped:1");
    expect(`sha256:${id}`).toBe(plain.imageId);
    const { stdout } = await podman("run", "--rm", "--network", "none", ...podmanLimits, "wrapped:1");
    expect(stdout).toBe("wrapped hello");
  });

  test.each(codecs)("skopeo copies every form, which checks digests and diffIDs: %s", async (codec) => {
    const folder = temporaryFolder();
    const words = ["--compression", codec];
    await pack("-o", join(folder, "archive"), ...words);
    await pack("-o", join(folder, "docker"), "--format", "docker-archive", ...words);
    const { layers } = await pack("-o", join(folder, "layout"), "--format", "oci-dir", ...words);
    const places = ["docker-archive:archive", "oci-archive:archive", "docker-archive:docker", "oci:layout:1"];
    for (const [index, place] of places.entries()) {
      const copy = join(folder, `copy-${index}`);
      await execa("skopeo", ["--insecure-policy", "copy", "-q", place, `dir:${copy}`], { cwd: folder });
      const { stdout } = await execa("skopeo", ["inspect", "--config", `dir:${copy}`]);
      const config = JSON.parse(stdout) as { rootfs: { diff_ids: string[] } };
      expect(config.rootfs.diff_ids).toEqual(plain.layers.map(({ diffId }) => diffId));
      if (!place.startsWith("oci")) continue;
      const manifest = JSON.parse(readFileSync(join(copy, "manifest.json"), "utf8")) as {
        layers: { mediaType: string; digest: string; size: number }[];
      };
      const mediaType = `application/vnd.oci.image.layer.v1.tar+${codec}`;
      expect(manifest.layers).toMatchObject(layers.map(({ digest, size }) => ({ mediaType, digest, size })));
    }
  });

  test("umoci unpacks gzip; it has no zstd", async () => {
    const folder = temporaryFolder();
    await pack("-o", join(folder, "layout"), "--format", "oci-dir", "--compression", "gzip:1");
    await execa("umoci", ["unpack", "--image", `${folder}/layout:1`, join(folder, "bundle")]);
    const program = join(realpathSync(built.link), "bin/wrapped-program");
    const unpacked = readFileSync(join(folder, "bundle/rootfs", program));
    expect(unpacked.equals(readFileSync(program))).toBe(true);
  });

  test.each([
    [
      "gzip",
      [
        ["gzip", "-t"],
        ["pigz", "-t"],
      ],
    ],
    ["zstd", [["zstd", "-q", "-t"]]],
  ] as const)("the usual programs find each layer whole: %s", async (codec, checks) => {
    const layout = join(temporaryFolder(), "layout");
    const { layers } = await pack("-o", layout, "--format", "oci-dir", "--compression", codec);
    for (const { digest, diffId } of layers) {
      const blob = readFileSync(join(layout, "blobs/sha256", digest.slice("sha256:".length)));
      for (const [program, ...words] of checks) execFileSync(program, words, { input: blob });
      const tar = execFileSync(codec, ["-dc"], { input: blob, maxBuffer: 2 ** 30 });
      expect(`sha256:${createHash("sha256").update(tar).digest("hex")}`).toBe(diffId);
    }
  });

  test.each(codecs)("the same bytes with any number of jobs, remembered or not: %s", async (codec) => {
    const first = await archive(codec, "--jobs", "1");
    const expected = readFileSync(first.file);
    for (const words of [
      ["--jobs", "2"],
      ["--jobs", "7"],
    ]) {
      const { file } = await archive(codec, ...words);
      expect(readFileSync(file).equals(expected)).toBe(true);
    }
    const size = first.packed.layers.reduce((sum, layer) => sum + layer.size, 0);
    expect(size).toBeLessThan(0.6 * plain.layers.reduce((sum, layer) => sum + layer.size, 0));
  });

  test("a compressed layout that has its blobs is not written again", async () => {
    const folder = temporaryFolder();
    const layout = join(folder, "layout");
    const environment = { ...nixEnvironment, XDG_CACHE_HOME: join(folder, "cache") };
    const words = [
      "pack",
      built.link,
      "--format",
      "oci-dir",
      "-o",
      layout,
      "--compression",
      "zstd",
      "--json",
    ];
    const first = await stowage(words, { env: environment });
    const { layers } = JSON.parse(first.stdout) as Packed;
    const inode = ({ digest }: { digest: string }): number =>
      statSync(join(layout, "blobs/sha256", digest.slice("sha256:".length))).ino;
    // The last layer, which has no store paths, is made anew.
    const remembered = layers.slice(0, -1);
    const before = remembered.map(inode);
    const second = await stowage(words, { env: environment });
    expect(second.stdout).toBe(first.stdout);
    expect(remembered.map(inode)).toEqual(before);
    // Another level is another form: nothing that is remembered counts for it.
    const blobs = readdirSync(join(layout, "blobs/sha256")).length;
    const other = await stowage([...words, "--compression", "zstd:1"], { env: environment });
    expect(JSON.parse(other.stdout)).toMatchObject({ imageId: plain.imageId });
    expect(readdirSync(join(layout, "blobs/sha256")).length).toBeGreaterThan(blobs);
    expect(remembered.map(inode)).toEqual(before);
  });

  test.each([
    ["zstd:20", /zstd has no level 20/, /zstd:19/],
    ["none:1", /'none:1' is not a compression/, /none, gzip or zstd/],
  ])("%s is a usage error", async (compression, says, hints) => {
    const folder = temporaryFolder();
    const failed = await stowage(["pack", built.link, "-o", join(folder, "x"), "--compression", compression]);
    expect(failed.exitCode).toBe(2);
    expect(failed.stderr).toMatch(says);
    expect(failed.stderr).toMatch(hints);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a compressed stream without --spool is a usage error, before anything is read", async () => {
    const words = ["pack", built.link, "-o", "-", "--compression", "gzip"];
    const failed = await stowage(words);
    expect(failed.exitCode).toBe(2);
    expect(failed.stdout).toBe("");
    expect(failed.stderr).toMatch(/needs each layer's size[\s\S]*--spool/);
  });

  test("a spool folder that is not there is named", async () => {
    const words = ["pack", built.link, "-o", "-", "--compression", "gzip", "--spool"];
    const failed = await stowage(words, { env: { ...nixEnvironment, TMPDIR: "/nonexistent/tmp" } });
    expect(failed.exitCode).toBe(2);
    expect(failed.stderr).toContain("/nonexistent/tmp");
  });
});
