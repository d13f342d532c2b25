import { execFileSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { crc32, inflateRawSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  BlockPool,
  archiveSink,
  digestOf,
  dockerArchiveSink,
  layoutSink,
  parseCompression,
  type Codec,
  type LayerDraft,
  type WrittenLayer,
} from "@stowage/oci";
import { bytesLayer } from "../../support/bytes-layer.ts";
import { imageOf, memoryLayer, zerosEntry } from "../../support/memory-image.ts";
import { requirePrograms } from "../../support/programs.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const MIB = 1024 * 1024;
const codecs = { gzip: parseCompression("gzip:1") as Codec, zstd: parseCompression("zstd:1") as Codec };
const names = ["gzip", "zstd"] as const;

/** Bytes that compress by half and repeat nowhere. */
function someBytes(length: number): Buffer {
  return randomFillSync(Buffer.alloc(length)).map((byte) => byte & 15) as Buffer;
}

/** Stores layers in a layout; returns what was stored of each, and what the sink said. */
async function store(
  layers: readonly LayerDraft[],
  { codec, jobs = 2 }: { readonly codec: Codec; readonly jobs?: number },
): Promise<{ readonly blobs: Buffer[]; readonly written: readonly WrittenLayer[] }> {
  await using compression = new BlockPool(codec, jobs);
  const layout = join(temporaryFolder(), "layout");
  const { layers: written } = await layoutSink(layout).write({ ...imageOf(layers), compression });
  const blobs = written.map(({ digest }) => readFileSync(join(layout, "blobs/sha256", digest.slice(7))));
  for (const [index, { digest, size }] of written.entries()) {
    expect(digestOf(blobs[index] as Buffer)).toBe(digest);
    expect(blobs[index]).toHaveLength(size);
  }
  return { blobs, written };
}

/** The contents of a gzip file that must be one member and nothing else (RFC 1952), its header taken apart. */
function gunzipOne(file: Buffer): Buffer {
  expect([...file.subarray(0, 8)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
  expect(file[9]).toBe(255);
  const deflated = file.subarray(10, -8);
  // With a byte less the deflate stream has no end, so all of it is one.
  expect(() => inflateRawSync(deflated.subarray(0, -1))).toThrow();
  const contents = inflateRawSync(deflated, { maxOutputLength: 64 * MIB });
  expect(file.readUInt32LE(file.length - 8)).toBe(crc32(contents));
  expect(file.readUInt32LE(file.length - 4)).toBe(contents.length % 2 ** 32);
  return contents;
}

const unpack = { gzip: gunzipOne, zstd: (file: Buffer) => zstdDecompressSync(file) };

describe.each(names)("%s", (name) => {
  const codec = codecs[name];

  test("lengths around the ends of blocks, nothing at all, and what cannot be made smaller", async () => {
    const lengths = [0, 1, MIB - 1, MIB, MIB + 1, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB + 7];
    const contents = [
      ...lengths.map(someBytes),
      randomFillSync(Buffer.alloc(5 * MIB)),
      Buffer.alloc(6 * MIB),
    ];
    const layers = contents.map((bytes) => bytesLayer(bytes));
    const { blobs, written } = await store(layers, { codec });
    for (const [index, bytes] of contents.entries()) {
      expect(unpack[name](blobs[index] as Buffer).equals(bytes)).toBe(true);
      expect(written[index]?.diffId).toBe(digestOf(bytes));
    }
  });

  test(
    "the same bytes for any number of jobs, and however the plain ones come",
    { timeout: 120_000 },
    async () => {
      const contents = [someBytes(300), someBytes(9 * MIB + 1), Buffer.alloc(2 * MIB), someBytes(3 * MIB)];
      const { blobs: expected } = await store(
        contents.map((bytes) => bytesLayer(bytes)),
        { codec, jobs: 1 },
      );
      const chunkings = fc.array(fc.integer({ min: 1, max: 3 * MIB }), { minLength: 1, maxLength: 5 });
      const property = fc.asyncProperty(chunkings, fc.constantFrom(1, 2, 7), async (lengths, jobs) => {
        // Chunks of a few bytes each would only take time.
        const chunks = [...lengths, MIB];
        const { blobs } = await store(
          contents.map((bytes) => bytesLayer(bytes, chunks)),
          { codec, jobs },
        );
        expect(blobs.every((blob, index) => blob.equals(expected[index] as Buffer))).toBe(true);
      });
      await fc.assert(property, { numRuns: process.env["STOWAGE_LONG"] === "1" ? 100 : 5, seed: 5 });
    },
  );

  test.skipIf(!requirePrograms("gzip", "pigz", "zstd"))("the usual programs take it", async () => {
    const contents = someBytes(9 * MIB + 1);
    const { blobs } = await store([bytesLayer(contents)], { codec });
    for (const program of name === "gzip" ? ["gzip", "pigz"] : ["zstd"]) {
      const options = { input: blobs[0], maxBuffer: 64 * MIB };
      execFileSync(program, ["-q", "-t"], options);
      expect(execFileSync(program, ["-q", "-d", "-c"], options).equals(contents)).toBe(true);
    }
  });

  test("every form has the same layers, and a higher level smaller ones", async () => {
    const words = Array.from(someBytes(61), (byte) => `${byte * 7919} `);
    const text = Buffer.from(Array.from(someBytes(MIB), (byte, at) => words[(at * byte) % 61]).join(""));
    const layers = [bytesLayer(text), bytesLayer(someBytes(3 * MIB))];
    const folder = temporaryFolder();
    await using compression = new BlockPool(codec, 2);
    const image = { ...imageOf(layers), compression };
    const chunks: Buffer[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(Buffer.from(chunk));
        done();
      },
    });
    const written = [
      await archiveSink(join(folder, "archive")).write(image),
      await dockerArchiveSink(join(folder, "docker")).write(image),
      await layoutSink(join(folder, "layout")).write(image),
      await dockerArchiveSink(stream).write(image),
    ];
    for (const other of written) expect(other).toEqual(written[0]);
    expect(Buffer.concat(chunks).equals(readFileSync(join(folder, "docker")))).toBe(true);
    const high = { ...codec, level: 6 };
    const { written: smaller } = await store(layers, { codec: high });
    expect(smaller[0]?.size).toBeLessThan(written[0]?.layers[0]?.size as number);
    expect(smaller[0]?.diffId).toBe(written[0]?.layers[0]?.diffId);
  });

  test("equal layers are stored once in an archive, and every reader finds what follows them", async () => {
    const bytes = bytesLayer(someBytes(2 * MIB));
    const file = join(temporaryFolder(), "image.tar");
    await using compression = new BlockPool(codec, 2);
    const image = { ...imageOf([bytes, bytesLayer(someBytes(MIB)), bytes]), compression };
    const { layers } = await archiveSink(file).write(image);
    const members = execFileSync("tar", ["-tf", file], { encoding: "utf8" }).trim().split("\n");
    expect(
      members.filter((member) => member.includes((layers[0] as WrittenLayer).digest.slice(7))),
    ).toHaveLength(1);
    expect(members.at(-1)).toBe("manifest.json");
    expect(members).toHaveLength(7);
  });

  test("a layer that fails is said so, and nothing is left", async () => {
    const failing: LayerDraft = {
      ...bytesLayer(someBytes(9 * MIB)),
      async *chunks() {
        yield someBytes(5 * MIB);
        throw new Error("this layer fails");
      },
    };
    const folder = temporaryFolder();
    await using compression = new BlockPool(codec, 2);
    const image = {
      ...imageOf([bytesLayer(someBytes(MIB)), failing, bytesLayer(someBytes(MIB))]),
      compression,
    };
    for (const sink of [archiveSink, dockerArchiveSink, layoutSink]) {
      await expect(sink(join(folder, "image")).write(image)).rejects.toThrow("this layer fails");
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  test("an output that fails ends it, though much is still to be read", async () => {
    await using compression = new BlockPool(codec, 2);
    const layers = Array.from({ length: 20 }, () => bytesLayer(someBytes(2 * MIB)));
    const stream = new Writable({
      write: (_chunk, _encoding, done) =>
        done(Object.assign(new Error("gone"), { code: "EPIPE", syscall: "write" })),
    });
    await expect(dockerArchiveSink(stream).write({ ...imageOf(layers), compression })).rejects.toMatchObject({
      code: "output-closed",
    });
  });

  test("an abort ends it within a block, and leaves nothing", async () => {
    const folder = temporaryFolder();
    await using compression = new BlockPool({ ...codec, level: 9 }, 2);
    const controller = new AbortController();
    const layers = Array.from({ length: 40 }, () => bytesLayer(someBytes(4 * MIB)));
    const options = { signal: controller.signal, onBytes: () => controller.abort(new Error("stop")) };
    const writing = archiveSink(join(folder, "image")).write({ ...imageOf(layers), compression }, options);
    await expect(writing).rejects.toThrow("stop");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("all bytes are told of", async () => {
    let told = 0;
    await using compression = new BlockPool(codec, 2);
    const image = { ...imageOf([bytesLayer(someBytes(5 * MIB)), bytesLayer(someBytes(7))]), compression };
    await archiveSink(join(temporaryFolder(), "image")).write(image, { onBytes: (bytes) => (told += bytes) });
    expect(told).toBe(5 * MIB + 7);
  });
});

test("a codec that refuses its work fails the pack", async () => {
  await using compression = new BlockPool({ name: "gzip", level: 1_000_000 }, 2);
  const image = { ...imageOf([bytesLayer(someBytes(MIB))]), compression };
  await expect(archiveSink(join(temporaryFolder(), "image")).write(image)).rejects.toMatchObject({
    code: "compression-failed",
  });
});

test.skipIf(!requirePrograms("zstd"))(
  "zstd frames have a block each, their size and a checksum",
  async () => {
    const { blobs } = await store([bytesLayer(someBytes(9 * MIB))], { codec: codecs.zstd });
    const file = join(temporaryFolder(), "layer.zst");
    writeFileSync(file, blobs[0] as Buffer);
    const listed = execFileSync("zstd", ["-l", "-v", file], { encoding: "utf8" });
    expect(listed).toMatch(/# Zstandard Frames: 3/);
    expect(listed).toMatch(/Decompressed Size: 9.00 MiB/);
    expect(listed).toMatch(/Check: XXH64/);
  },
);

describe("a stream's spool", () => {
  afterEach(() => void vi.unstubAllEnvs());

  test("has no name while it is used, and takes what a killed process left", async () => {
    const folder = join(temporaryFolder(), "spool");
    mkdirSync(folder);
    vi.stubEnv("TMPDIR", folder);
    await using compression = new BlockPool(codecs.gzip, 2);
    const seen: string[][] = [];
    const stream = new Writable({
      write(_chunk, _encoding, done) {
        seen.push(readdirSync(folder));
        done();
      },
    });
    const layers = [bytesLayer(someBytes(2 * MIB)), bytesLayer(someBytes(MIB))];
    await dockerArchiveSink(stream).write({ ...imageOf(layers), compression });
    expect(seen.length).toBeGreaterThan(5);
    expect(seen.flat()).toEqual([]);
  });
});

test(
  "a layer whose header might have needed more room lies where its header says",
  { timeout: 120_000 },
  async () => {
    // Twice its bytes are 8 GiB, from where on a tar header is longer; the compressed ones are far fewer.
    const huge = memoryLayer([zerosEntry("/huge", 4 * 1024 * MIB)], "huge");
    const file = join(temporaryFolder(), "image.tar");
    await using compression = new BlockPool(codecs.zstd, 2);
    const image = { ...imageOf([bytesLayer(someBytes(100)), huge, bytesLayer(someBytes(MIB))]), compression };
    const { layers } = await archiveSink(file).write(image);
    for (const { digest } of layers) {
      const member = execFileSync("tar", ["-xOf", file, `blobs/sha256/${digest.slice(7)}`], {
        maxBuffer: 64 * MIB,
      });
      expect(digestOf(member)).toBe(digest);
    }
  },
);
