import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStore } from "@stowage/nix";
import { pack, readImageClosure } from "@stowage/core";
import { nixEnvironment } from "../support/nix-environment.ts";
import { requirePrograms, requireWorld } from "../support/programs.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { buildWorld, type Built } from "../support/world.ts";

const ready = requireWorld() && requirePrograms("nix", "nix-store");

describe.skipIf(!ready)("an image explains itself, without a store", () => {
  let wrapped: Built;
  let several: Built;
  beforeAll(() => {
    wrapped = buildWorld("tests.wrapped");
    several = buildWorld("tests.several");
  });
  afterAll(() => {
    wrapped[Symbol.dispose]();
    several[Symbol.dispose]();
  });

  const packTo = (output: string, format: "archive" | "docker-archive" | "oci-dir") =>
    pack({ targets: [wrapped.link, several.link], output, format, environment: nixEnvironment });

  test.each(["archive", "docker-archive", "oci-dir"] as const)(
    "its record in the form %s is the closure that the store has",
    async (format) => {
      const image = join(temporaryFolder(), "image");
      const packed = await packTo(image, format);
      const store = openStore({ environment: nixEnvironment });
      const roots = [await store.resolveTarget(wrapped.link), await store.resolveTarget(several.link)];
      const stored = await store.queryClosure(roots.map((root) => root.storePath));
      const { closure, size, layers } = await readImageClosure(image);
      expect(closure).toEqual({
        ...stored,
        paths: stored.paths.map(({ path, narHash, narSize, references }) => ({
          path,
          narHash,
          narSize,
          references,
        })),
      });
      expect(layers).toBe(packed.layers.length);
      expect(size).toBe(packed.layers.reduce((sum, layer) => sum + layer.size, 0));
    },
  );

  test.each(["archive", "oci-dir"] as const)(
    "ls and why answer from it as from the store: %s",
    async (format) => {
      const folder = temporaryFolder();
      await pack({
        targets: [wrapped.link],
        output: join(folder, "image"),
        format,
        environment: nixEnvironment,
      });
      const env = { ...nixEnvironment, PATH: "/nonexistent" };
      const asked = await stowage(["ls", wrapped.link]);
      const recorded = await stowage(["ls", "image"], { cwd: folder, env });
      expect(recorded).toMatchObject({ stdout: asked.stdout, stderr: "", exitCode: 0 });
      expect((await stowage(["why", "image", "libc6"], { cwd: folder, env })).stdout).toBe(
        (await stowage(["why", wrapped.link, "libc6"])).stdout,
      );
    },
  );

  test("diff and check take it in place of a target, with no Nix on PATH", async () => {
    const folder = temporaryFolder();
    await packTo(join(folder, "both.tar"), "archive");
    await pack({ targets: [wrapped.link], output: join(folder, "one.tar"), environment: nixEnvironment });
    writeFileSync(join(folder, "budget.json"), '{ "layers": 1, "forbidden": ["several"] }');
    const env = { ...nixEnvironment, PATH: "/nonexistent" };
    const compared = await stowage(["diff", "one.tar", "both.tar", "--json"], { cwd: folder, env });
    expect(compared.exitCode, compared.stderr).toBe(0);
    expect(compared.stdout).toContain('"several"');
    const both = ["check", "both.tar", "--graph", "budget.json", "--budget", "budget.json"];
    expect(await stowage(both, { cwd: folder, env })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("an image and --graph"),
    });
    const checked = await stowage(["check", "both.tar", "--budget", "budget.json"], { cwd: folder, env });
    expect(checked.exitCode).toBe(1);
    expect(checked.stdout).toMatch(/layers: \d+ layers, limit 1 layers?[\s\S]*forbidden package several/);
  });

  describe("a damaged or foreign image is refused in words", () => {
    test.each([600, 1024, 5000, 200_000])("cut off after %s bytes", async (length) => {
      const image = join(temporaryFolder(), "image.tar");
      await packTo(image, "archive");
      truncateSync(image, length);
      const refused = await stowage(["diff", image, image]);
      expect(refused.exitCode).toBe(3);
      expect(refused.stderr).toMatch(/is not an image that can be read: /);
    });

    test("a config that is not what its digest says; a layout without an index; two images; no record", async () => {
      const folder = temporaryFolder();
      const layout = join(folder, "layout");
      const { imageId } = await packTo(layout, "oci-dir");
      const config = join(layout, "blobs/sha256", String(imageId).slice(7));
      const good = readFileSync(config, "utf8");
      writeFileSync(config, good.replace("linux", "minix"));
      await expect(readImageClosure(layout)).rejects.toMatchObject({
        code: "image-corrupted",
        message: expect.stringContaining("digest"),
      });
      writeFileSync(config, good);
      await pack({
        targets: [several.link],
        output: layout,
        format: "oci-dir",
        tags: ["other:1"],
        environment: nixEnvironment,
      });
      await expect(readImageClosure(layout)).rejects.toMatchObject({
        code: "image-corrupted",
        message: expect.stringContaining("2 images"),
      });
      for (const text of [
        "null",
        "[]",
        "{",
        '{"manifests":{}}',
        '{"manifests":[{"digest":"sha256:../../x"}]}',
      ]) {
        writeFileSync(join(layout, "index.json"), text);
        await expect(readImageClosure(layout)).rejects.toMatchObject({ code: "image-corrupted" });
      }
      const empty = join(folder, "empty");
      mkdirSync(empty);
      writeFileSync(join(empty, "oci-layout"), "{}");
      await expect(readImageClosure(empty)).rejects.toMatchObject({
        code: "image-corrupted",
        message: expect.stringContaining("no index.json"),
      });
    });
  });
});
