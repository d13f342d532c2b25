import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { extract } from "tar-stream";
import { describe, expect, test } from "vitest";
import {
  archiveSink,
  digestOf,
  dockerArchiveSink,
  layoutSink,
  parseDigest,
  type LayerDraft,
  type Sink,
} from "@stowage/oci";
import { imageOf, layerOf } from "../../support/memory-image.ts";
import { expectSound } from "../../support/sound-image.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const failing: LayerDraft = {
  ...layerOf("bad", "x"),
  writeAt: async () => {
    throw new Error("this layer fails");
  },
  chunks: () => {
    throw new Error("this layer fails");
  },
};

/** Members of an archive by name, read by tar-stream. */
async function members(file: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for await (const entry of createReadStream(file).pipe(extract())) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    expect(found.has(entry.header.name)).toBe(false);
    found.set(entry.header.name, Buffer.concat(chunks));
  }
  return found;
}

const json = (bytes: Buffer | undefined): unknown => JSON.parse(String(bytes));

describe("the archive", () => {
  test("its members name each other by digest, and its documents are exactly these", async () => {
    const file = join(temporaryFolder(), "image.tar");
    const written = await archiveSink(file).write(imageOf([layerOf("a", "first"), layerOf("b", "second")]));
    await expectSound(file);
    const found = await members(file);
    const blob = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;
    const [first, second] = written.layers.map((layer) => layer.digest);
    for (const [name, bytes] of found)
      if (name.startsWith("blobs/")) expect(blob(digestOf(bytes))).toBe(name);
    expect(String(found.get("oci-layout"))).toBe('{"imageLayoutVersion":"1.0.0"}');
    expect(json(found.get("manifest.json"))).toEqual([
      {
        Config: blob(written.imageId),
        RepoTags: ["tiny:1"],
        Layers: [blob(first as string), blob(second as string)],
      },
    ]);
    expect(String(found.get(blob(written.imageId)))).toBe(
      `{"created":"1970-01-01T00:00:01Z","architecture":"amd64","os":"linux","config":{"Env":["A=1"]},"rootfs":{"type":"layers","diff_ids":["${first}","${second}"]},` +
        `"history":[{"created":"1970-01-01T00:00:01Z","created_by":"a"},{"created":"1970-01-01T00:00:01Z","created_by":"b"}]}`,
    );
    expect(json(found.get(blob(written.manifestDigest)))).toEqual({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: written.imageId,
        size: found.get(blob(written.imageId))?.length,
      },
      layers: written.layers.map(({ digest, size }) => ({
        mediaType: "application/vnd.oci.image.layer.v1.tar",
        digest,
        size,
      })),
    });
    expect(json(found.get("index.json"))).toEqual({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [
        {
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          digest: written.manifestDigest,
          size: found.get(blob(written.manifestDigest))?.length,
          annotations: {
            "io.containerd.image.name": "docker.io/library/tiny:1",
            "org.opencontainers.image.ref.name": "1",
          },
        },
      ],
    });
    expect(found.size).toBe(7);
  });

  test("has the same bytes whatever layer is done first", async () => {
    const folder = temporaryFolder();
    const files = await Promise.all(
      [
        [0, 40],
        [40, 0],
      ].map(async ([a, b], index) => {
        const file = join(folder, `${index}.tar`);
        await archiveSink(file).write(imageOf([layerOf("a", "first", a), layerOf("b", "second", b)]));
        return readFileSync(file);
      }),
    );
    expect(files[0]?.equals(files[1] as Buffer)).toBe(true);
  });

  test("equal layers are one blob, wherever they stand", async () => {
    const folder = temporaryFolder();
    const [a, b] = [layerOf("a", "same"), layerOf("b", "other")];
    const file = join(folder, "image.tar");
    const written = await archiveSink(file).write(imageOf([a, a, b, a]));
    await expectSound(file);
    const found = await members(file);
    const blobs = written.layers.map(({ digest }) => `blobs/sha256/${digest.slice(7)}`);
    expect(new Set(blobs).size).toBe(2);
    expect(json(found.get("manifest.json"))).toMatchObject([{ Layers: blobs }]);
    for (const [name, bytes] of found)
      if (name.startsWith("blobs/")) expect(`blobs/sha256/${digestOf(bytes).slice(7)}`).toBe(name);
    expect(found.size).toBe(7);
    expect(readdirSync(folder)).toEqual(["image.tar"]);
  });
});

describe("the docker-archive", () => {
  test("a slow reader gets the same bytes as a file: no chunk is used again too early", async () => {
    const folder = temporaryFolder();
    const image = imageOf([layerOf("a", "x".repeat(700_000)), layerOf("b", "y".repeat(300_000))]);
    const written = await dockerArchiveSink(join(folder, "file.tar")).write(image);
    await expectSound(join(folder, "file.tar"));
    const received: Buffer[] = [];
    const slow = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        setTimeout(() => {
          received.push(Buffer.from(chunk));
          done();
        }, 2);
      },
    });
    expect(await dockerArchiveSink(slow).write(image)).toEqual(written);
    expect(Buffer.concat(received).equals(readFileSync(join(folder, "file.tar")))).toBe(true);
    const found = await members(join(folder, "file.tar"));
    expect([...found.keys()]).toEqual([
      "layers/0.tar",
      "layers/1.tar",
      `${written.imageId.slice(7)}.json`,
      "manifest.json",
    ]);
    expect(digestOf(found.get("layers/0.tar") as Buffer)).toBe(written.layers[0]?.diffId);
  });

  test("a stream that fails is output-closed", async () => {
    const closed = new PassThrough();
    closed.destroy();
    await expect(dockerArchiveSink(closed).write(imageOf([layerOf("a", "x")]))).rejects.toMatchObject({
      code: "output-closed",
    });
  });
});

describe("the layout directory", () => {
  test("is added to: other names stay, the same name is replaced", async () => {
    const place = join(temporaryFolder(), "layout");
    await layoutSink(place).write(imageOf([layerOf("a", "one")], "first:1"));
    const second = await layoutSink(place).write(imageOf([layerOf("a", "two")], "second:1"));
    const first = await layoutSink(place).write(imageOf([layerOf("a", "three")], "first:1"));
    await expectSound(place);
    const index = json(readFileSync(join(place, "index.json"))) as {
      manifests: { digest: string; annotations: Record<string, string> }[];
    };
    expect(
      index.manifests.map(({ digest, annotations }) => [annotations["io.containerd.image.name"], digest]),
    ).toEqual([
      ["docker.io/library/second:1", second.manifestDigest],
      ["docker.io/library/first:1", first.manifestDigest],
    ]);
    for (const name of readdirSync(join(place, "blobs/sha256"))) {
      expect(digestOf(readFileSync(join(place, "blobs/sha256", name)))).toBe(parseDigest(`sha256:${name}`));
    }
  });

  test("goes into an empty folder, through a symlink too", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "real"));
    symlinkSync("real", join(folder, "link"));
    await layoutSink(join(folder, "link")).write(imageOf([layerOf("a", "one")]));
    expect(existsSync(join(folder, "real/index.json"))).toBe(true);
    expect(readdirSync(folder).toSorted()).toEqual(["link", "real"]);
  });

  test.each<[string, string]>([
    ["not JSON", "{"],
    ["no index", "[]"],
    ["null", "null"],
  ])("an index that is %s is refused", async (_, text) => {
    const place = join(temporaryFolder(), "layout");
    await layoutSink(place).write(imageOf([layerOf("a", "one")]));
    writeFileSync(join(place, "index.json"), text);
    await expect(layoutSink(place).write(imageOf([layerOf("a", "two")]))).rejects.toMatchObject({
      code: "image-corrupted",
    });
  });
});

const sinks: Record<string, (path: string) => Sink> = {
  archive: archiveSink,
  "docker-archive": dockerArchiveSink,
  "oci-dir": layoutSink,
};

describe.each(Object.entries(sinks))("%s: nothing half done", (format, open) => {
  test("a layer that fails leaves nothing, and what was there stays", async () => {
    const folder = temporaryFolder();
    const place = join(folder, "image");
    const draft = imageOf([layerOf("a", "slow", 50), failing, layerOf("c", "slow", 50)]);
    await expect(open(place).write(draft)).rejects.toThrow("this layer fails");
    expect(readdirSync(folder)).toEqual([]);
    if (format === "oci-dir") return;
    writeFileSync(place, "what was there");
    await expect(open(place).write(draft)).rejects.toThrow("this layer fails");
    expect(readFileSync(place, "utf8")).toBe("what was there");
    expect(readdirSync(folder)).toEqual(["image"]);
  });

  test("an abort, before and in the middle, leaves nothing", async () => {
    const folder = temporaryFolder();
    const draft = imageOf([layerOf("a", "slow", 60_000), layerOf("b", "x".repeat(1000))]);
    await expect(
      open(join(folder, "image")).write(draft, { signal: AbortSignal.abort(new Error("stop")) }),
    ).rejects.toThrow("stop");
    const controller = new AbortController();
    const writing = open(join(folder, "image")).write(draft, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("stop")), 30);
    await expect(writing).rejects.toThrow("stop");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a missing folder, an empty name", async () => {
    const image = imageOf([layerOf("a", "x")]);
    await expect(open(join(temporaryFolder(), "none/image")).write(image)).rejects.toMatchObject({
      code: "output-unusable",
    });
    await expect(open("").write(image)).rejects.toMatchObject({ code: "output-unusable" });
  });
});

test.each(Object.entries(sinks))("%s: layers are written side by side", async (_, open) => {
  const place = join(temporaryFolder(), "image");
  const both = Promise.withResolvers<void>();
  let begun = 0;
  const meeting = (name: string): LayerDraft => {
    const layer = layerOf(name, name);
    return {
      ...layer,
      async writeAt(fd, offset, options) {
        if (++begun === 2) both.resolve();
        await both.promise;
        return layer.writeAt(fd, offset, options);
      },
    };
  };
  await open(place).write(imageOf([meeting("a"), meeting("b")]));
  expect(begun).toBe(2);
  await expectSound(place);
});

describe("a file that is written as a stream", () => {
  test("a device", async () => {
    const written = await dockerArchiveSink("/dev/null").write(imageOf([layerOf("a", "x")]));
    expect(written.layers).toHaveLength(1);
    await expect(archiveSink("/dev/null").write(imageOf([layerOf("a", "x")]))).rejects.toMatchObject({
      code: "output-unusable",
    });
  });
});
