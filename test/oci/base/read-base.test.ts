import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  archiveSink,
  layoutSink,
  openImage,
  parsePlatform,
  readBase,
  readContents,
  type BaseImage,
} from "@stowage/oci";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  forgeFiles,
  sha256,
  toArchive,
  writeLayout,
  type ForgedLayer,
  type ForgeOptions,
} from "../../support/forge-image.ts";
import { imageOf, layerOf } from "../../support/memory-image.ts";
import { expectSound } from "../../support/sound-image.ts";
import { forgeMember, forgeTar } from "../../support/tar-forge.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const file = (name: string, contents: string): Buffer => forgeMember({ name }, Buffer.from(contents));
const tar = (...members: Buffer[]): ForgedLayer => ({ stored: forgeTar(...members) });
const two = [tar(file("a", "one")), tar(file("b", "two"))];

function writeImage(files: ReadonlyMap<string, Buffer>): string {
  const path = join(temporaryFolder(), "base.tar");
  writeFileSync(path, toArchive(files));
  return path;
}

/** An index of an image for each platform, the first layer of each being its name. */
function writePlatforms(...platforms: string[]): string {
  const files = new Map<string, Buffer>();
  const manifests: unknown[] = [];
  for (const platform of platforms) {
    const { os, architecture, variant } = parsePlatform(platform);
    const one = forgeFiles([tar(file("platform", platform))], {
      config: (config) => ({ ...config, os, architecture, variant }),
    });
    for (const [name, bytes] of one) files.set(name, bytes);
    const { manifests: listed } = JSON.parse(String(one.get("index.json"))) as { manifests: object[] };
    manifests.push({ ...listed[0], platform: { os, architecture, variant } });
  }
  files.set("index.json", Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })));
  return writeImage(files);
}

async function read(path: string, platform?: string): Promise<BaseImage> {
  const source = await openImage(path);
  onTestFinished(() => source[Symbol.asyncDispose]());
  const contents = await readContents(source);
  return readBase(source, contents, {
    platform: platform === undefined ? undefined : parsePlatform(platform),
  });
}

async function refusalOf(path: string, platform?: string): Promise<string> {
  const error: unknown = await read(path, platform).then(
    () => "it is read",
    (reason: unknown) => reason,
  );
  return error instanceof Error && "code" in error
    ? `${String(error.code)}: ${error.message}`
    : String(error);
}

describe("the platform of a base", () => {
  const several = ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8", "linux/arm64"] as const;

  test.each([
    ["linux/amd64", "linux/amd64"],
    ["linux/arm", "linux/arm/v7"],
    ["linux/arm/v7", "linux/arm/v7"],
    ["linux/arm/v6", "linux/arm/v6"],
    ["linux/arm/v8", "linux/arm/v7"],
    ["linux/arm64", "linux/arm64/v8"],
  ])("for %s is that of %s", async (asked, expected) => {
    const path = writePlatforms(...several.slice(0, 4));
    await using base = await read(path, asked);
    expect((await base.readFile("/platform", { maxBytes: 100 }))?.toString()).toBe(expected);
  });

  test("that is not there, or there twice, or not said, is an error", async () => {
    const path = writePlatforms(...several);
    expect(await refusalOf(path, "linux/riscv64")).toMatch(
      /^platform-mismatch: .* is for linux\/amd64, linux\/arm/,
    );
    expect(await refusalOf(path, "linux/arm/v5")).toMatch(/^platform-mismatch/);
    expect(await refusalOf(path)).toMatch(/^platform-mismatch: .*nothing says which is meant/);
    expect(await refusalOf(path, "linux/arm64")).toMatch(
      /^image-corrupted: .* has 2 images for linux\/arm64/,
    );
    expect(await refusalOf(writePlatforms("linux/arm64"), "linux/amd64")).toMatch(/^platform-mismatch/);
  });

  test("documents of other platforms may be missing, as in what a registry's client fetched", async () => {
    const path = join(temporaryFolder(), "layout");
    const files = forgeFiles(two);
    const { manifests } = JSON.parse(String(files.get("index.json"))) as { manifests: object[] };
    const other = {
      ...manifests[0],
      digest: `sha256:${"1".repeat(64)}`,
      platform: { os: "linux", architecture: "arm" },
    };
    files.set(
      "index.json",
      Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [other, ...manifests] })),
    );
    writeLayout(path, files);
    await using base = await read(path, "linux/amd64");
    expect(base.layers).toHaveLength(2);
  });
});

describe("a base that is not what it says", () => {
  const oneOf = (options: ForgeOptions, layers: readonly ForgedLayer[] = two): string =>
    writeImage(forgeFiles(layers, options));
  const withBlob = (change: (bytes: Buffer) => Buffer): string => {
    const files = forgeFiles(two);
    const name = `blobs/sha256/${sha256((two[1] as ForgedLayer).stored)}`;
    files.set(name, change(files.get(name) as Buffer));
    return writeImage(files);
  };

  test("is refused", async () => {
    expect(await refusalOf(withBlob((bytes) => Buffer.concat([bytes, Buffer.alloc(512)])))).toMatch(
      /^image-corrupted: .*its digest is/,
    );
    const files = forgeFiles(two);
    files.delete(`blobs/sha256/${sha256((two[0] as ForgedLayer).stored)}`);
    expect(await refusalOf(writeImage(files))).toMatch(/^image-corrupted: .*the layer is not there/);
    const other = { rootfs: { type: "layers", diff_ids: two.map(() => `sha256:${"2".repeat(64)}`) } };
    expect(await refusalOf(oneOf({ config: (config) => ({ ...config, ...other }) }))).toMatch(
      /^image-corrupted: .*its tar is .* and the config says/,
    );
    expect(await refusalOf(oneOf({ config: (config) => ({ ...config, rootfs: { diff_ids: [] } }) }))).toMatch(
      /^image-corrupted: .*2 layers, and the config 0/,
    );
    expect(await refusalOf(oneOf({ config: () => "no config" }))).toMatch(/^image-corrupted/);
    expect(await refusalOf(oneOf({}, [tar(file("../a", "out"))]))).toMatch(/^image-corrupted: .*\.\./);
    const plain = forgeTar(file("a", "x".repeat(10_000)));
    const cut = gzipSync(plain).subarray(0, 50);
    const type = "application/vnd.oci.image.layer.v1.tar+gzip";
    expect(await refusalOf(oneOf({}, [{ stored: cut, tar: plain, mediaType: type }]))).toMatch(
      /^image-corrupted: .*cut off/,
    );
  });

  test("nor is a tar that ends in the middle of a block believed without its diffID", async () => {
    const whole = forgeTar(file("a", "one"));
    const short = whole.subarray(0, 515);
    await using base = await read(oneOf({}, [{ stored: short }]));
    expect(base.layers[0]?.size).toBe(515);
    const type = "application/vnd.oci.image.layer.v1.tar+gzip";
    expect(await refusalOf(oneOf({}, [{ stored: gzipSync(short), tar: whole, mediaType: type }]))).toMatch(
      /^image-corrupted: .*the config says/,
    );
  });

  test.each([archiveSink, layoutSink])("nor one that changes before it is copied (%#)", async (sink) => {
    const path = oneOf({});
    await using base = await read(path);
    const bytes = readFileSync(path);
    bytes.write("wto", bytes.indexOf("two"));
    writeFileSync(path, bytes);
    const folder = temporaryFolder();
    const image = { ...imageOf([layerOf("own", "own")]), base };
    await expect(sink(join(folder, "out")).write(image)).rejects.toMatchObject({ code: "image-corrupted" });
    await expect(openImage(join(folder, "out"))).rejects.toMatchObject({ code: "image-missing" });
  });
});

describe("what a base has", () => {
  test("a layer that it has twice is stored once, also where it is the image's own too", async () => {
    const folder = temporaryFolder();
    const layer = layerOf("same", "same");
    await archiveSink(join(folder, "below.tar")).write(imageOf([layer, layerOf("a", "a"), layer]));
    await using base = await read(join(folder, "below.tar"));
    expect(base.layers).toHaveLength(3);
    const image = { ...imageOf([layerOf("own", "own"), layer]), base };
    const places = [join(folder, "out.tar"), join(folder, "out")] as const;
    const written = [await archiveSink(places[0]).write(image), await layoutSink(places[1]).write(image)];
    expect(written[0]).toEqual(written[1]);
    await expectSound(...places);
    await using source = await openImage(places[0]);
    expect((await readContents(source)).images[0]?.layers).toHaveLength(5);
    expect((await source.list()).length).toBe(3 + 2 + 3);
  });

  test("files are read through links, of the uppermost layer, and not without end", async () => {
    const link = (name: string, linkName: string, type: string): Buffer =>
      forgeMember({ name, linkName, type });
    const path = writeImage(
      forgeFiles([
        tar(file("etc/passwd", "old"), file("etc/gone", "x"), file("etc/large", "x".repeat(2000))),
        tar(
          file("usr/passwd", "new"),
          link("etc/passwd", "/usr/hard", "2"),
          link("usr/hard", "usr/passwd", "1"),
        ),
        tar(file("etc/.wh.gone", ""), link("etc/loop", "loop", "2")),
      ]),
    );
    await using base = await read(path);
    const contents = async (name: string) => (await base.readFile(name, { maxBytes: 1000 }))?.toString();
    expect(await contents("/etc/passwd")).toBe("new");
    expect(await contents("/etc/gone")).toBeUndefined();
    expect(await contents("/etc/loop")).toBeUndefined();
    expect(await contents("/etc")).toBeUndefined();
    await expect(contents("/etc/large")).rejects.toMatchObject({ code: "image-corrupted" });
  });
});
