import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inspect, loadClosure, readImageClosure, type ClosureGraph } from "@stowage/core";
import { sha256 } from "../support/forge-image.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { validate } from "../support/schema.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { buildWorld, closureOf, type Built } from "../support/world.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store", "tar");

describe.skipIf(!ready)("images that other tools make", () => {
  let wrapped: Built;
  let graph: ClosureGraph;
  beforeAll(async () => {
    wrapped = buildWorld("tests.wrapped");
    ({ graph } = await loadClosure({ targets: [wrapped.link], environment: nixEnvironment }));
  });
  afterAll(() => wrapped[Symbol.dispose]());

  /** What Nix knows of the closure, without what no image tells. */
  const stored = (): unknown =>
    graph.infos.map(({ path, narHash, narSize, references }) => ({ path, narHash, narSize, references }));

  const tar = (root: string, ...words: string[]) =>
    execa("tar", ["-C", root, "--sort=name", "--owner=0", "--group=0", "--numeric-owner", ...words]);

  /** `docker load`'s form, as nixpkgs writes it: layers in folders, a config that says little. */
  async function dockerArchive(folder: string, layers: readonly Buffer[]): Promise<string> {
    const root = join(folder, "image");
    mkdirSync(root);
    const names = layers.map((layer, index) => {
      const name = `${sha256(Buffer.from(String(index)))}/layer.tar`;
      mkdirSync(join(root, name, ".."));
      writeFileSync(join(root, name), layer);
      return name;
    });
    const config = JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: { Cmd: ["/bin/sh"] },
      rootfs: { type: "layers", diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
      history: layers.map(() => ({ created: "1970-01-01T00:00:01+00:00" })),
    });
    writeFileSync(join(root, "config.json"), config);
    const manifest = [{ Config: "config.json", RepoTags: ["wrapped:1"], Layers: names }];
    writeFileSync(join(root, "manifest.json"), JSON.stringify(manifest));
    await tar(root, "-cf", join(folder, "image.tar"), ".");
    return join(folder, "image.tar");
  }

  async function expectClosure(image: string): Promise<void> {
    const { closure } = await readImageClosure(image);
    expect(closure.paths).toEqual(stored());
    expect(closure.roots).toEqual(graph.roots.map((root) => graph.infos[root]?.path));
    const diff = await stowage(["diff", "--json", wrapped.link, image]);
    expect(JSON.parse(diff.stdout)).toMatchObject({
      packages: [],
      totals: { delta: 0, unchangedPaths: graph.infos.length },
    });
  }

  test("as dockerTools.buildImage: one layer, made by GNU tar of writable copies", async () => {
    const folder = temporaryFolder();
    const root = join(folder, "root");
    mkdirSync(join(root, "nix/store"), { recursive: true });
    for (const path of closureOf(wrapped.link))
      cpSync(path, `${root}${path}`, { recursive: true, verbatimSymlinks: true });
    await execa("chmod", ["-R", "u+w", root]);
    await tar(root, "--hard-dereference", "--mtime=@1", "-cf", join(folder, "layer.tar"), ".");
    const image = await dockerArchive(folder, [readFileSync(join(folder, "layer.tar"))]);
    const { images, findings } = await inspect({ image });
    expect(findings).toEqual([]);
    expect(images[0]?.layers[0]?.storePaths.map(({ path }) => path).toSorted()).toEqual(
      graph.infos.map(({ path }) => path),
    );
    await expectClosure(image);
  });

  test("as dockerTools.buildLayeredImage: a layer for each path, the rest in one", async () => {
    const folder = temporaryFolder();
    const [first = "", ...others] = closureOf(wrapped.link);
    const layers = [];
    for (const paths of [[first], others]) {
      const { stdout } = await execa(
        "tar",
        ["-P", "--sort=name", "--mtime=@1", "--owner=root:0", "--group=root:0", "-c", ...paths],
        { encoding: "buffer", maxBuffer: 1 << 30 },
      );
      layers.push(Buffer.from(stdout));
    }
    const image = await dockerArchive(folder, layers);
    expect((await readImageClosure(image)).storeLayers.map(({ paths }) => paths.length)).toEqual([
      1,
      others.length,
    ]);
    await expectClosure(image);
    const { stdout } = await stowage(["inspect", "--json", image]);
    validate("inspect", stdout);
  });

  test("as nix2container through skopeo: a layout of compressed layers", async () => {
    const folder = temporaryFolder();
    const { stdout: layer } = await execa(
      "tar",
      ["-P", "--sort=name", "--mtime=@1", "-c", ...closureOf(wrapped.link)],
      { encoding: "buffer", maxBuffer: 1 << 30 },
    );
    const image = await dockerArchive(folder, [Buffer.from(layer)]);
    await execa("skopeo", [
      "copy",
      "--dest-compress",
      `docker-archive:${image}`,
      `oci:${join(folder, "layout")}:1`,
    ]);
    const { images } = await inspect({ image: join(folder, "layout") });
    expect(images[0]?.layers[0]).toMatchObject({ compression: "gzip", plainSize: layer.length });
    await expectClosure(join(folder, "layout"));
  });

  test.skipIf(!requirePrograms("umoci"))("umoci: what a later layer overwrites and deletes", async () => {
    const folder = temporaryFolder();
    const umoci = (...words: string[]) => execa("umoci", words, { cwd: folder });
    await umoci("init", "--layout", "layout");
    await umoci("new", "--image", "layout:a");
    const insert = async (name: string, contents: string, ...words: string[]): Promise<void> => {
      writeFileSync(join(folder, "file"), contents);
      await umoci("insert", "--rootless", "--image", "layout:a", ...words, "file", name);
    };
    await insert("/one", "1".repeat(4000));
    await insert("/two", "2".repeat(3000));
    await insert("/one", "other");
    await umoci("insert", "--rootless", "--image", "layout:a", "--whiteout", "/two");
    await insert("/three", "other");
    const { stdout, exitCode } = await stowage(["inspect", "--json", join(folder, "layout")]);
    // umoci 0.4 does not end the tars that insert makes; all that is in them is explained nevertheless.
    const codes = new Set(
      (JSON.parse(stdout) as { findings: { code: string }[] }).findings.map(({ code }) => code),
    );
    expect([...codes].every((code) => code === "tar-end" || code === "tar-truncated")).toBe(true);
    expect(exitCode).toBe(codes.size === 0 ? 0 : 1);
    const waste = (validate("inspect", stdout) as unknown as { images: { waste: object }[] }).images[0]
      ?.waste;
    expect(waste).toMatchObject({
      contentSize: 7010,
      visibleSize: 10,
      hidden: [
        { path: "/one", size: 4000, layer: 0, by: 2, reason: "overwritten" },
        { path: "/two", size: 3000, layer: 1, by: 3, reason: "deleted" },
      ],
      repeated: [{ size: 5, wasted: 5, places: [{ path: "/one" }, { path: "/three" }] }],
    });
  });
});
