import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { OciError, verifyImage } from "@stowage/oci";
import { forgeFiles, sha256, toArchive, writeLayout, type ForgedLayer } from "../../support/forge-image.ts";
import { forgeHeader, forgeMember, forgeTar } from "../../support/tar-forge.ts";
import {
  digest,
  directory,
  file,
  good,
  hostileDocuments,
  hostileEntries,
  hostileLayers,
  link,
  makeBombs,
  turned,
} from "../../support/hostile-images.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const oci = "application/vnd.oci.image";

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
  test.each(Object.entries(hostileEntries))("%s", async (_, [members, code]) => {
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

  test.each(Object.entries(hostileLayers))("%s", async (_, [layer, code]) => {
    expect(await codesOf(toArchive(forgeFiles([layer])))).toEqual([code]);
  });

  test.each(Object.entries(makeBombs()))("a bomb: %s", async (_, [tar, code]) => {
    for (const compress of [gzipSync, zstdCompressSync]) {
      const mediaType = `${oci}.layer.v1.tar+${compress === gzipSync ? "gzip" : "zstd"}`;
      const found = await codesOf(toArchive(forgeFiles([{ stored: compress(tar), tar, mediaType }])));
      expect(found.filter((other) => other !== "parent-missing")).toEqual([code]);
    }
  });
});

describe("documents", () => {
  const layers = layersOf(good);
  test.each(Object.entries(hostileDocuments))("%s", async (_, [options, code]) => {
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
    expect(await refused(write(gzipSync("This is a letter.")))).toBe("image-corrupted");
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
