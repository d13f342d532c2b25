import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Writable } from "node:stream";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  archiveSink,
  digestOf,
  dockerArchiveSink,
  layoutSink,
  writeLayer,
  type LayerDraft,
  type Sink,
} from "@stowage/oci";
import { classifyOutput } from "@stowage/oci/internal";
import { collect } from "../../support/layer-bytes.ts";
import { fileEntry, imageOf, layerOf, memoryLayer, zerosEntry } from "../../support/memory-image.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const image = imageOf([layerOf("a", "x")]);
const fileSinks: [string, (path: string) => Sink][] = [
  ["archive", archiveSink],
  ["docker-archive", dockerArchiveSink],
];
const sinks: [string, (path: string) => Sink][] = [...fileSinks, ["oci-dir", layoutSink]];

describe.each(fileSinks)("%s to a file", (_, open) => {
  test("replaces a regular file; a hard link of the old one keeps what it had", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "image.tar"), "old");
    execFileSync("ln", ["image.tar", "other"], { cwd: folder });
    await open(join(folder, "image.tar")).write(image);
    expect(statSync(join(folder, "image.tar")).size).toBeGreaterThan(10_000);
    expect(readFileSync(join(folder, "other"), "utf8")).toBe("old");
    expect(readdirSync(folder).toSorted()).toEqual(["image.tar", "other"]);
  });

  test.each([
    ["to a file", true],
    ["to nothing yet", false],
  ])("follows symlinks %s", async (__, exists) => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "real"));
    if (exists) writeFileSync(join(folder, "real/image.tar"), "old");
    symlinkSync("real/image.tar", join(folder, "second"));
    symlinkSync(join(folder, "second"), join(folder, "first"));
    await open(join(folder, "first")).write(image);
    expect(readlinkSync(join(folder, "first"))).toBe(join(folder, "second"));
    expect(lstatSync(join(folder, "real/image.tar")).isFile()).toBe(true);
    expect(readdirSync(join(folder, "real"))).toEqual(["image.tar"]);
    expect(readdirSync(folder).toSorted()).toEqual(["first", "real", "second"]);
  });

  test("has the permissions that the umask leaves, whatever the old file had", async () => {
    const file = join(temporaryFolder(), "image.tar");
    writeFileSync(file, "old");
    chmodSync(file, 0o600);
    const before = process.umask(0o027);
    try {
      await open(file).write(image);
    } finally {
      process.umask(before);
    }
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  test("a name of 255 bytes", async () => {
    const folder = temporaryFolder();
    await open(join(folder, "é".repeat(127))).write(image);
    expect(readdirSync(folder)).toEqual(["é".repeat(127)]);
  });

  test("symlinks in a circle, a directory, a socket, a file where a folder should be: refused", async () => {
    const folder = temporaryFolder();
    symlinkSync("b", join(folder, "a"));
    symlinkSync("a", join(folder, "b"));
    mkdirSync(join(folder, "directory"));
    writeFileSync(join(folder, "file"), "");
    const server = createServer().listen(join(folder, "socket"));
    await once(server, "listening");
    onTestFinished(() => void server.close());
    for (const name of ["a", "directory", "socket", "file/image.tar", "n".repeat(300)]) {
      const unusable = { code: "output-unusable", path: join(folder, name) };
      await expect(open(join(folder, name)).write(image), name).rejects.toMatchObject(unusable);
    }
    expect(readdirSync(folder).toSorted()).toEqual(["a", "b", "directory", "file", "socket"]);
  });
});

test("what is at a path decides whether it is replaced or written into", async () => {
  const folder = temporaryFolder();
  execFileSync("mkfifo", [join(folder, "fifo")]);
  symlinkSync("fifo", join(folder, "link"));
  expect(await classifyOutput(join(folder, "new"))).toBe("file");
  expect(await classifyOutput(join(folder, "fifo"))).toBe("stream");
  expect(await classifyOutput(join(folder, "link"))).toBe("stream");
  expect(await classifyOutput("/dev/null")).toBe("stream");
  await expect(classifyOutput(join(folder, "none/new"))).rejects.toMatchObject({ code: "output-unusable" });
});

describe("a FIFO", () => {
  const makeFifo = (): string => {
    const fifo = join(temporaryFolder(), "fifo");
    execFileSync("mkfifo", [fifo]);
    return fifo;
  };

  test("is written into, and stays a FIFO; the reader may come later", async () => {
    const fifo = makeFifo();
    const large = imageOf([memoryLayer([zerosEntry("/zeros", 3_000_000)])]);
    const writing = dockerArchiveSink(fifo).write(large);
    const reader = spawn("sh", ["-c", 'sleep 0.1; exec sha256sum "$0"', fifo]);
    let said = "";
    reader.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const ended = once(reader, "close");
    await writing;
    await ended;
    const file = join(temporaryFolder(), "image.tar");
    await dockerArchiveSink(file).write(large);
    expect(`sha256:${said.slice(0, 64)}`).toBe(digestOf(readFileSync(file)));
    expect(lstatSync(fifo).isFIFO()).toBe(true);
  });

  test("whose reader goes away is output-closed", async () => {
    const fifo = makeFifo();
    const reader = spawn("head", ["-c", "100", fifo], { stdio: "ignore" });
    const ended = once(reader, "close");
    const large = imageOf([memoryLayer([zerosEntry("/zeros", 50_000_000)])]);
    await expect(dockerArchiveSink(fifo).write(large)).rejects.toMatchObject({
      code: "output-closed",
      path: fifo,
    });
    await ended;
  });

  test("without a reader, or with one that stands still, is given up on abort", async () => {
    const signal = (): AbortSignal => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error("stop")), 100);
      return controller.signal;
    };
    await expect(dockerArchiveSink(makeFifo()).write(image, { signal: signal() })).rejects.toThrow("stop");
    const fifo = makeFifo();
    const reader = spawn("sh", ["-c", 'exec sleep 60 < "$0"', fifo], { stdio: "ignore" });
    onTestFinished(() => void reader.kill());
    const large = imageOf([memoryLayer([zerosEntry("/zeros", 50_000_000)])]);
    await expect(dockerArchiveSink(fifo).write(large, { signal: signal() })).rejects.toThrow("stop");
  });
});

describe("a stream of the caller's", () => {
  test("that stands still is given up on abort", async () => {
    const stuck = new Writable({ write: () => {} });
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("stop")), 20);
    await expect(dockerArchiveSink(stuck).write(image, { signal: controller.signal })).rejects.toThrow(
      "stop",
    );
  });

  test("that ends early is output-closed; it is never ended here", async () => {
    let chunks = 0;
    const closing = new Writable({
      write(_chunk, _encoding, done) {
        if (++chunks === 2) closing.destroy();
        else done();
      },
    });
    const large = imageOf([memoryLayer([zerosEntry("/zeros", 5_000_000)])]);
    await expect(dockerArchiveSink(closing).write(large)).rejects.toMatchObject({ code: "output-closed" });
    const open = new Writable({ write: (_chunk, _encoding, done) => done() });
    await dockerArchiveSink(open).write(image);
    expect(open.writable).toBe(true);
  });
});

describe("a full disk", () => {
  test("a device that is full: output-failed, with what to do", async () => {
    await expect(dockerArchiveSink("/dev/full").write(image)).rejects.toMatchObject({
      code: "output-failed",
      path: "/dev/full",
      message: expect.stringContaining("no space is left"),
      hint: expect.stringContaining("Free some space"),
    });
  });

  test.skipIf(process.getuid?.() !== 0).each(sinks)(
    "%s: output-failed, and nothing is left",
    async (_, open) => {
      const folder = temporaryFolder();
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", folder]);
      onTestFinished(() => void execFileSync("umount", [folder]));
      const random = Buffer.alloc(2 * 1024 * 1024, "not a hole");
      const large = imageOf([memoryLayer([fileEntry("/large", random)])]);
      await expect(open(join(folder, "image")).write(large)).rejects.toMatchObject({
        code: "output-failed",
        path: join(folder, "image"),
        message: expect.stringContaining("no space is left"),
      });
      expect(readdirSync(folder)).toEqual([]);
    },
  );
});

describe.each(fileSinks)("%s and a layer that changed", (_, open) => {
  test.each([
    ["grew", 20_000],
    ["shrank", 0],
  ])("one that %s after it was sized", async (__, bytes) => {
    const planned = layerOf("a", "x".repeat(10_000));
    const real = memoryLayer([fileEntry("/a", "x".repeat(bytes))]);
    const layer: LayerDraft = { ...real, size: () => planned.size() };
    const folder = temporaryFolder();
    await expect(
      open(join(folder, "image")).write(imageOf([layer, layerOf("b", "next")])),
    ).rejects.toMatchObject({
      code: "layer-inconsistent",
      message: expect.stringContaining("layer 0"),
    });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe.each(sinks)("%s and its layers", (_, open) => {
  const place = (): string => join(temporaryFolder(), "image");

  test("one that fails to read is not blamed on the output", async () => {
    const missing = (): never => {
      readFileSync("/nowhere/at/all");
      throw new Error("it was there");
    };
    const layer: LayerDraft = { ...layerOf("a", "x"), writeAt: async () => missing(), chunks: missing };
    await expect(open(place()).write(imageOf([layer]))).rejects.toMatchObject({
      code: "ENOENT",
      syscall: "open",
    });
  });

  test("a history entry that says there is no layer is refused", async () => {
    const layer: LayerDraft = { ...layerOf("a", "x"), history: { empty_layer: true } };
    await expect(open(place()).write(imageOf([layer]))).rejects.toMatchObject({ code: "image-invalid" });
  });

  test("progress adds up to the layers' bytes", async () => {
    let bytes = 0;
    const layers = [memoryLayer([zerosEntry("/zeros", 3_000_000)]), layerOf("b", "x")];
    await open(place()).write(imageOf(layers), { onBytes: (more) => (bytes += more) });
    const sizes = await Promise.all(layers.map((layer) => layer.size()));
    expect(bytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
  });

  test("a layer's digest is that of its tar, whatever way it is written", async () => {
    const entries = [zerosEntry("/zeros", 700_000), fileEntry("/z", "after")];
    const { layers } = await open(place()).write(imageOf([memoryLayer(entries)]));
    const tar = collect(writeLayer(entries));
    expect(layers).toEqual([{ diffId: digestOf(tar), digest: digestOf(tar), size: tar.length }]);
  });
});
