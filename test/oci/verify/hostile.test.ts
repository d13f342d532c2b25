import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { OciError, verifyImage } from "@stowage/oci";
import {
  forgeFiles,
  sha256,
  toArchive,
  writeLayout,
  type ForgedLayer,
  type ForgeOptions,
} from "../../support/forge-image.ts";
import { forgeHeader, forgeMember, forgePax, forgeTar, paxRecord } from "../../support/tar-forge.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const oci = "application/vnd.oci.image";
const good = forgeTar(forgeMember({ name: "etc", type: "5" }), forgeMember({ name: "etc/motd" }, "hello"));

/** The codes that an archive is answered with, each once, in order. */
async function codesOf(archive: Buffer): Promise<string[]> {
  const path = join(temporaryFolder(), "image.tar");
  writeFileSync(path, archive);
  return codesAt(path);
}

async function codesAt(path: string): Promise<string[]> {
  const findings = await verifyImage(path);
  for (const { message } of findings) expect(message).not.toBe("");
  return [...new Set(findings.map(({ code }) => code))].toSorted();
}

const layersOf = (...tars: readonly Buffer[]): ForgedLayer[] => tars.map((stored) => ({ stored }));
const codesOfLayers = (...tars: readonly Buffer[]): Promise<string[]> =>
  codesOf(toArchive(forgeFiles(layersOf(...tars))));

test("a good image has nothing wrong with it, in any form", async () => {
  expect(await codesOfLayers(good, forgeTar(forgeMember({ name: "etc/more" }, "x")))).toEqual([]);
  for (const name of ["/etc", "./etc/", "etc/", "/etc/"])
    expect(await codesOfLayers(forgeTar(forgeMember({ name, type: "5" }))), name).toEqual([]);
  const gzip = { stored: gzipSync(good), tar: good, mediaType: `${oci}.layer.v1.tar+gzip` };
  const zstd = { stored: zstdCompressSync(good), tar: good, mediaType: `${oci}.layer.v1.tar+zstd` };
  expect(await codesOf(toArchive(forgeFiles([gzip])))).toEqual([]);
  expect(await codesOf(toArchive(forgeFiles([zstd])))).toEqual([]);
  // Tools make a frame or a member for each chunk of a layer.
  const frames = (compress: (part: Buffer) => Buffer): Buffer =>
    Buffer.concat([compress(good.subarray(0, 700)), compress(good.subarray(700))]);
  expect(await codesOf(toArchive(forgeFiles([{ ...gzip, stored: frames(gzipSync) }])))).toEqual([]);
  expect(await codesOf(toArchive(forgeFiles([{ ...zstd, stored: frames(zstdCompressSync) }])))).toEqual([]);
  const skippable = Buffer.concat([Buffer.from("502a4d1804000000", "hex"), Buffer.from("abcd")]);
  const chunked = Buffer.concat([zstd.stored, skippable]);
  expect(await codesOf(toArchive(forgeFiles([{ ...zstd, stored: chunked }])))).toEqual([]);
});

describe("entries", () => {
  const file = (name: string): Buffer => forgeMember({ name }, "x");
  const directory = (name: string): Buffer => forgeMember({ name, type: "5" });
  const link = (name: string, linkName: string): Buffer => forgeMember({ name, type: "2", linkName });
  const hardLink = (name: string, linkName: string): Buffer => forgeMember({ name, type: "1", linkName });

  const cases: Record<string, [readonly Buffer[], string]> = {
    "a traversal": [[file("../../etc/passwd")], "entry-name"],
    "a traversal in the middle": [[directory("a"), file("a/../../b")], "entry-name"],
    "a traversal in a PAX name": [[forgePax(paxRecord("path", "/../evil"), {}, "x")], "entry-name"],
    "a traversal in a prefix": [[forgeMember({ name: "x", prefix: "../.." }, "x")], "entry-name"],
    "an absolute traversal": [[file("/../x")], "entry-name"],
    "two slashes": [[file("//etc")], "entry-name"],
    "a dot in the middle": [[directory("a"), file("a/./b")], "entry-name"],
    "a part of 256 bytes": [[forgePax(paxRecord("path", "p".repeat(256)), {}, "x")], "entry-name"],
    "the root as a file": [[forgeMember({ name: "./", type: "2", linkName: "etc" })], "entry-name"],
    "a character device": [[forgeMember({ name: "null", type: "3" })], "entry-type"],
    "a block device": [[forgeMember({ name: "sda", type: "4" })], "entry-type"],
    "a FIFO": [[forgeMember({ name: "fifo", type: "6" })], "entry-type"],
    "a file twice": [[file("a"), file("a")], "entry-duplicate"],
    "a file twice, written otherwise": [[file("a"), file("./a")], "entry-duplicate"],
    "a directory twice": [[directory("a"), directory("a/")], "entry-duplicate"],
    "a file below a symlink": [[link("out", "/etc"), file("out/passwd")], "entry-through-link"],
    "a file below a file": [[file("a"), file("a/b")], "entry-through-link"],
    "a symlink above the root": [[link("out", "../../etc/passwd")], "link-outside"],
    "a hard link out": [[hardLink("shadow", "../../etc/shadow")], "link-outside"],
    "a hard link to nothing": [[hardLink("shadow", "/etc/shadow")], "link-missing"],
    "no parent": [[file("a/b")], "parent-missing"],
    "a whiteout of nothing": [[file(".wh.gone")], "whiteout"],
    "a whiteout without a name": [[file(".wh.")], "whiteout"],
    "a whiteout of the folder itself": [[file(".wh...")], "whiteout"],
    "a whiteout beside what it deletes": [[file("a"), file(".wh.a")], "whiteout"],
  };
  test.each(Object.entries(cases))("%s", async (_, [members, code]) => {
    expect(await codesOfLayers(forgeTar(...members))).toEqual([code]);
  });

  test("a symlink in one layer, a file below it in the next", async () => {
    expect(await codesOfLayers(forgeTar(link("out", "/etc")), forgeTar(file("out/passwd")))).toEqual([
      "entry-through-link",
    ]);
    expect(
      await codesOfLayers(forgeTar(link("out", "/etc")), forgeTar(directory("out"), file("out/x"))),
    ).toEqual([]);
  });

  test("whiteouts that delete what lower layers have", async () => {
    const below = forgeTar(directory("a"), file("a/b"), file("c"));
    expect(await codesOfLayers(below, forgeTar(file("a/.wh.b"), file(".wh.c"), file("c")))).toEqual([]);
    expect(await codesOfLayers(below, forgeTar(file("a/.wh..wh..opq"), file("a/b")))).toEqual([]);
    expect(await codesOfLayers(below, forgeTar(file(".wh.a")), forgeTar(file("a/b")))).toEqual([
      "parent-missing",
    ]);
  });

  test("millions of them are counted, not listed", async () => {
    const findings = await verifyAll(
      forgeTar(...Array.from({ length: 500 }, (_, index) => file(`../${index}`))),
    );
    expect(findings).toHaveLength(21);
    expect(findings.at(-1)?.message).toBe("480 more like these");
  });

  async function verifyAll(tar: Buffer): ReturnType<typeof verifyImage> {
    const path = join(temporaryFolder(), "image.tar");
    writeFileSync(path, toArchive(forgeFiles(layersOf(tar))));
    return verifyImage(path);
  }
});

describe("layers", () => {
  test("cut off at each block: the digests are right, the tar is not whole", async () => {
    for (let length = 0; length < good.length - 512; length += 512) {
      expect(await codesOfLayers(good.subarray(0, length)), `${length}`).toEqual([
        expect.stringMatching(/^tar-(truncated|end)$/),
      ]);
    }
  });

  const compressed = { tar: good, mediaType: `${oci}.layer.v1.tar+gzip` };
  const stored: Record<string, [ForgedLayer, string]> = {
    "gzip that is cut off": [
      { ...compressed, stored: gzipSync(good).subarray(0, -9) },
      "compression-invalid",
    ],
    "gzip with garbage behind it": [
      { ...compressed, stored: Buffer.concat([gzipSync(good), Buffer.from("garbage")]) },
      "compression-invalid",
    ],
    "gzip with zeros behind it": [
      { ...compressed, stored: Buffer.concat([gzipSync(good), Buffer.alloc(100)]) },
      "compression-invalid",
    ],
    "gzip with a wrong checksum": [
      { ...compressed, stored: turned(gzipSync(good), -6) },
      "compression-invalid",
    ],
    "zstd that is cut off": [
      {
        ...compressed,
        mediaType: `${oci}.layer.v1.tar+zstd`,
        stored: zstdCompressSync(good).subarray(0, -3),
      },
      "compression-invalid",
    ],
    "zstd with garbage behind it": [
      {
        ...compressed,
        mediaType: `${oci}.layer.v1.tar+zstd`,
        stored: Buffer.concat([zstdCompressSync(good), Buffer.from("garbage")]),
      },
      "compression-invalid",
    ],
    "another compression than the media type says": [
      { ...compressed, stored: zstdCompressSync(good) },
      "media-type",
    ],
    "no compression, against the media type": [{ ...compressed, stored: good }, "media-type"],
    "an unknown media type": [{ stored: good, mediaType: "application/x-squashfs" }, "media-type"],
    "another tar than the config says": [{ stored: good, tar: Buffer.from("other") }, "diff-id-mismatch"],
    "no tar at all": [{ stored: Buffer.from("This is a letter.".repeat(100)) }, "tar-header"],
  };
  test.each(Object.entries(stored))("%s", async (_, [layer, code]) => {
    expect(await codesOf(toArchive(forgeFiles([layer])))).toEqual([code]);
  });

  const GiB = 1024 ** 3;
  const bombs: Record<string, [Buffer, string]> = {
    "zeros without end": [Buffer.alloc(64 * 1024 * 1024), "tar-trailing-data"],
    "a file that would have 1 TiB": [
      forgeTar(forgePax(paxRecord("size", String(1024 * GiB)), {}, Buffer.alloc(8 * 1024 * 1024))),
      "tar-too-large",
    ],
    "an extended header that would have 1 GiB": [
      forgeTar(forgeHeader({ type: "x", size: GiB })),
      "tar-extension",
    ],
    "more names than any layer": [
      forgeTar(...Array.from({ length: 1200 }, (_, at) => longNamed(at))),
      "tar-too-large",
    ],
  };
  test.each(Object.entries(bombs))("a bomb: %s", async (_, [tar, code]) => {
    for (const compress of [gzipSync, zstdCompressSync]) {
      const mediaType = `${oci}.layer.v1.tar+${compress === gzipSync ? "gzip" : "zstd"}`;
      const found = await codesOf(toArchive(forgeFiles([{ stored: compress(tar), tar, mediaType }])));
      expect(found.filter((other) => other !== "parent-missing")).toEqual([code]);
    }
  });

  /** A file in 240 directories. */
  function longNamed(at: number): Buffer {
    return forgePax(paxRecord("path", `${"p".repeat(250)}/`.repeat(240) + at), {});
  }
});

describe("documents", () => {
  const layers = layersOf(good);
  const bytes = (text: string): Buffer => Buffer.from(text);
  const deep = bytes("[".repeat(200_000) + "]".repeat(200_000));
  const cases: Record<string, [ForgeOptions, string]> = {
    "an index that is null": [{ index: () => null }, "document-invalid"],
    "an index that is a number": [{ index: () => 7 }, "document-invalid"],
    "an index that is no JSON": [{ index: () => bytes("{") }, "document-invalid"],
    "an index that is not UTF-8": [{ index: () => Buffer.from([0x22, 0xff, 0x22]) }, "document-invalid"],
    "an index that is nested deep": [{ index: () => deep }, "document-invalid"],
    "an index of millions of values": [
      { index: () => bytes(`[${"0,".repeat(5_000_000)}0]`) },
      "document-invalid",
    ],
    "an index of another version": [
      { index: (index) => ({ ...index, schemaVersion: 1 }) },
      "document-invalid",
    ],
    "an index without images": [{ index: (index) => ({ ...index, manifests: [] }) }, "document-invalid"],
    "an index whose images are null": [
      { index: (index) => ({ ...index, manifests: null }) },
      "document-invalid",
    ],
    "an index of something unknown": [
      { index: (index) => ({ ...index, manifests: [{ mediaType: "x", digest: digest("x"), size: 1 }] }) },
      "media-type",
    ],
    "a digest that leads elsewhere": [
      {
        index: (index) => ({
          ...index,
          manifests: [{ ...first(index), digest: "sha256:../../../etc/passwd" }],
        }),
      },
      "document-invalid",
    ],
    "a manifest that is not there": [
      { index: (index) => ({ ...index, manifests: [{ ...first(index), digest: digest("x") }] }) },
      "document-missing",
    ],
    "a manifest of another size": [
      { index: (index) => ({ ...index, manifests: [{ ...first(index), size: 3 }] }) },
      "size-mismatch",
    ],
    "a manifest for another platform": [
      {
        index: (index) => ({
          ...index,
          manifests: [{ ...first(index), platform: { os: "linux", architecture: "riscv64" } }],
        }),
      },
      "platform-mismatch",
    ],
    "a manifest that is null": [{ manifest: () => null }, "document-invalid"],
    "a manifest of another type": [
      { manifest: (manifest) => ({ ...manifest, mediaType: "x" }) },
      "media-type",
    ],
    "a manifest whose layers are a number": [
      { manifest: (manifest) => ({ ...manifest, layers: 1 }) },
      "document-invalid",
    ],
    "a negative size": [
      { manifest: (manifest) => ({ ...manifest, layers: [{ ...layerOf(manifest), size: -1 }] }) },
      "document-invalid",
    ],
    "a layer of another size": [
      { manifest: (manifest) => ({ ...manifest, layers: [{ ...layerOf(manifest), size: 1 }] }) },
      "size-mismatch",
    ],
    "a layer that is not there": [
      { manifest: (manifest) => ({ ...manifest, layers: [{ ...layerOf(manifest), digest: digest("x") }] }) },
      "blob-missing",
    ],
    "one layer more in the manifest": [
      { manifest: (manifest) => ({ ...manifest, layers: [layerOf(manifest), layerOf(manifest)] }) },
      "layer-count",
    ],
    "no layer in the manifest": [{ manifest: (manifest) => ({ ...manifest, layers: [] }) }, "layer-count"],
    "a config that is null": [{ config: () => null }, "document-invalid"],
    "a config that is nested deep": [{ config: () => deep }, "document-invalid"],
    "a config without a platform": [
      { config: (config) => ({ ...config, os: undefined }) },
      "document-invalid",
    ],
    "a config whose labels are numbers": [
      { config: (config) => ({ ...config, config: { Labels: { a: 1 } } }) },
      "document-invalid",
    ],
    "a config made at no time": [
      { config: (config) => ({ ...config, created: "yesterday" }) },
      "document-invalid",
    ],
    "one layer more in the config": [
      { config: (config) => ({ ...config, history: [], rootfs: { diff_ids: [digest("x"), digest("y")] } }) },
      "layer-count",
    ],
    "one layer more in the history": [
      { config: (config) => ({ ...config, history: [{}, {}] }) },
      "history-count",
    ],
    "names that are methods of an object": [
      { config: (config) => ({ ...config, history: [{ ["__proto__"]: 1, created: { toString: 1 } }] }) },
      "document-invalid",
    ],
  };
  test.each(Object.entries(cases))("%s", async (_, [options, code]) => {
    const found = await codesOf(toArchive(forgeFiles(layers, options)));
    expect(found).toContain(code);
    // What is cut off from its document is left over, or told twice.
    const besides = new Set(["blob-unreferenced", "diff-id-mismatch", "entry-duplicate"]);
    expect(found.filter((other) => other !== code && !besides.has(other))).toEqual([]);
  });

  test("a document that is damaged; an index in itself; a marker of another version", async () => {
    const files = forgeFiles(layers);
    const manifest = [...files.keys()].findLast((name) => name.startsWith("blobs/")) as string;
    const damaged = new Map(files).set(manifest, Buffer.from(String(files.get(manifest)).replace("2", "3")));
    expect(await codesOf(toArchive(damaged))).toContain("digest-mismatch");
    const marker = new Map(files).set("oci-layout", Buffer.from('{"imageLayoutVersion":"2.0.0"}'));
    expect(await codesOf(toArchive(marker))).toEqual(["document-invalid"]);
    let inner = files;
    for (let depth = 0; depth < 6; depth++) {
      const index = inner.get("index.json") as Buffer;
      inner = new Map(inner).set(`blobs/sha256/${sha256(index)}`, index);
      const manifests = [{ mediaType: `${oci}.index.v1+json`, digest: digest(index), size: index.length }];
      inner.set("index.json", Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })));
    }
    expect(await codesOf(toArchive(inner))).toContain("document-invalid");
  });

  test("manifest.json and index.json that do not agree", async () => {
    const files = forgeFiles(layers);
    const [layer = "", config = ""] = [...files.keys()];
    const withDocker = (docker: unknown): Promise<string[]> =>
      codesOf(toArchive(new Map(files).set("manifest.json", Buffer.from(JSON.stringify(docker)))));
    expect(await withDocker([{ Config: config, Layers: [layer], RepoTags: ["a:1"] }])).toEqual([]);
    expect(await withDocker([{ Config: config, Layers: [layer, layer] }])).toEqual(["manifests-disagree"]);
    expect(await withDocker([{ Config: "other.json", Layers: [layer] }])).toEqual(["manifests-disagree"]);
    expect(await withDocker([])).toEqual(["manifests-disagree"]);
    expect(await withDocker(null)).toEqual(["document-invalid", "manifests-disagree"]);
  });
});

describe("archives", () => {
  const files = forgeFiles(layersOf(good));
  const archive = toArchive(files);

  test("what is no image at all is refused, in words", async () => {
    const folder = temporaryFolder();
    const refused = async (path: string): Promise<string> => {
      const error = await verifyImage(path).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(error).toBeInstanceOf(OciError);
      return (error as OciError).code;
    };
    const write = (contents: Buffer): string => {
      writeFileSync(join(folder, "image"), contents);
      return join(folder, "image");
    };
    expect(await refused(join(folder, "nothing"))).toBe("image-missing");
    expect(await refused(folder)).toBe("image-corrupted");
    expect(await refused(write(Buffer.alloc(0)))).toBe("image-corrupted");
    expect(await refused(write(Buffer.from("This is a letter.")))).toBe("image-corrupted");
    expect(await refused(write(forgeTar(forgeMember({}, "x"))))).toBe("image-corrupted");
    expect(await refused(write(gzipSync(archive)))).toBe("image-corrupted");
    execFileSync("mkfifo", [join(folder, "fifo")]);
    expect(await refused(join(folder, "fifo"))).toBe("image-corrupted");
    expect(await refused("/dev/zero")).toBe("image-corrupted");
  });

  test("cut off at each block: a verdict, whatever is left", async () => {
    const verdicts = new Set<string>();
    const path = join(temporaryFolder(), "image.tar");
    for (let length = 0; length < archive.length - 512; length += 512) {
      writeFileSync(path, archive.subarray(0, length));
      const codes = await codesAt(path).catch((error: unknown) => [(error as OciError).code]);
      expect(codes.length).toBeGreaterThan(0);
      for (const code of codes) verdicts.add(code);
    }
    expect([...verdicts].toSorted()).toEqual(["image-corrupted", "tar-end"]);
  });

  test("members that are there twice, lead out, are devices, or are nobody's", async () => {
    const plus = (...members: readonly Buffer[]): Promise<string[]> =>
      codesOf(forgeTar(archive.subarray(0, -1024), ...members));
    expect(await plus(forgeMember({ name: "index.json" }, "{}"))).toEqual(["member-duplicate"]);
    expect(await plus(forgeMember({ name: "../evil" }, "x"))).toContain("member-invalid");
    expect(await plus(forgeMember({ name: "/etc/evil" }, "x"))).toContain("member-invalid");
    expect(await plus(forgeMember({ name: "link", type: "2", linkName: "/etc/passwd" }))).toEqual([
      "member-invalid",
    ]);
    expect(await plus(forgeMember({ name: "null", type: "3" }))).toEqual(["member-invalid"]);
    expect(await plus(forgeMember({ name: "stray" }, "x"))).toEqual(["blob-unreferenced"]);
    expect(await plus(forgeMember({ name: `blobs/sha256/${"0".repeat(64)}` }, "x"))).toEqual([
      "blob-unreferenced",
      "digest-mismatch",
    ]);
    expect(await codesOf(Buffer.concat([archive, Buffer.from("more")]))).toEqual(["tar-trailing-data"]);
    expect(await codesOf(Buffer.concat([archive, archive]))).toEqual(["tar-trailing-data"]);
  });

  test("a header that promises a body that never comes", async () => {
    const promising = Buffer.concat([
      archive.subarray(0, -1024),
      forgeHeader({ name: "blob", size: 8 ** 11 - 1 }),
    ]);
    expect(await codesOf(promising)).toEqual(["tar-truncated"]);
  });

  test("a docker-archive: layers before or behind manifest.json, by links, damaged", async () => {
    const config = JSON.stringify({
      os: "linux",
      architecture: "amd64",
      rootfs: { type: "layers", diff_ids: [digest(good), digest(good)] },
    });
    const name = `${sha256(Buffer.from(config))}.json`;
    const manifest = (...layers: readonly string[]): Buffer =>
      forgeMember(
        { name: "manifest.json" },
        JSON.stringify([{ Config: name, RepoTags: null, Layers: layers }]),
      );
    const layer = forgeMember({ name: "a/layer.tar" }, good);
    const again = forgeMember({ name: "b/layer.tar", type: "2", linkName: "../a/layer.tar" });
    const members = [layer, again, forgeMember({ name }, config)];
    expect(await codesOf(forgeTar(...members, manifest("a/layer.tar", "b/layer.tar")))).toEqual([]);
    expect(await codesOf(forgeTar(manifest("a/layer.tar", "b/layer.tar"), ...members))).toEqual([]);
    expect(await codesOf(forgeTar(...members, manifest("a/layer.tar", "c")))).toEqual(["blob-missing"]);
    expect(await codesOf(forgeTar(...members, manifest("a/layer.tar")))).toEqual(["layer-count"]);
    const circle = forgeMember({ name: "b/layer.tar", type: "2", linkName: "layer.tar" });
    expect(
      await codesOf(
        forgeTar(layer, circle, forgeMember({ name }, config), manifest("a/layer.tar", "b/layer.tar")),
      ),
    ).toEqual(["blob-missing"]);
    const other = [layer, again, forgeMember({ name }, config.replace("linux", "minix"))];
    expect(await codesOf(forgeTar(...other, manifest("a/layer.tar", "b/layer.tar")))).toEqual([
      "digest-mismatch",
    ]);
  });
});

describe("layout directories", () => {
  const files = forgeFiles(layersOf(good));
  const layer = [...files.keys()][0] as string;
  const open = (): string => {
    const folder = join(temporaryFolder(), "layout");
    writeLayout(folder, files);
    return folder;
  };

  test("a good one; what nothing refers to may be there, and is looked at", async () => {
    const folder = open();
    expect(await codesAt(folder)).toEqual([]);
    writeFileSync(join(folder, `blobs/sha256/${sha256(Buffer.from("x"))}`), "x");
    expect(await codesAt(folder)).toEqual([]);
    writeFileSync(join(folder, `blobs/sha256/${"0".repeat(64)}`), "x");
    expect(await codesAt(folder)).toEqual(["digest-mismatch"]);
  });

  test("symlinks are not followed, in place of a blob, a document, or a folder", async () => {
    for (const name of [layer, "index.json", "blobs/sha256", "blobs"]) {
      const folder = open();
      const outside = join(dirname(folder), "outside");
      renameSync(join(folder, name), outside);
      symlinkSync(outside, join(folder, name));
      const codes = await codesAt(folder).catch((error: unknown) => [(error as OciError).code]);
      expect(codes, name).toContain(name === "index.json" ? "image-corrupted" : "member-invalid");
      rmSync(outside, { recursive: true });
    }
  });

  test("FIFOs and folders in place of files: no hang, a verdict", async () => {
    for (const name of [layer, "index.json", "oci-layout"]) {
      const folder = open();
      rmSync(join(folder, name));
      execFileSync("mkfifo", [join(folder, name)]);
      const codes = await codesAt(folder).catch((error: unknown) => [(error as OciError).code]);
      expect(codes, name).toContain(name === "index.json" ? "image-corrupted" : "member-invalid");
      rmSync(join(folder, name));
      mkdirSync(join(folder, name));
      const again = await codesAt(folder).catch((error: unknown) => [(error as OciError).code]);
      expect(again, name).toEqual(codes);
    }
  });

  test("a blob that is another one, shorter, longer, not there", async () => {
    const folder = open();
    const path = join(folder, layer);
    const bytes = readFileSync(path);
    writeFileSync(path, turned(bytes, 600));
    expect(await codesAt(folder)).toContain("digest-mismatch");
    writeFileSync(path, bytes.subarray(0, -512));
    expect(await codesAt(folder)).toEqual([
      "diff-id-mismatch",
      "digest-mismatch",
      "size-mismatch",
      "tar-end",
    ]);
    writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(512)]));
    expect(await codesAt(folder)).toEqual(["diff-id-mismatch", "digest-mismatch", "size-mismatch"]);
    rmSync(path);
    expect(await codesAt(folder)).toEqual(["blob-missing"]);
  });
});

function digest(bytes: string | Buffer): string {
  return `sha256:${sha256(Buffer.from(bytes as string))}`;
}

function first(index: Record<string, unknown>): object {
  return (index["manifests"] as object[])[0] as object;
}

function layerOf(manifest: Record<string, unknown>): object {
  return (manifest["layers"] as object[])[0] as object;
}

/** The bytes with one of them turned around. */
function turned(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const place = at < 0 ? copy.length + at : at;
  copy[place] = (copy[place] as number) ^ 0xff;
  return copy;
}
