import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  archiveSink,
  digestOf,
  layoutSink,
  parseImageName,
  type ImageDraft,
  type LayerDraft,
} from "@stowage/oci";
import { imageOf, layerOf } from "../../support/memory-image.ts";
import { expectSound } from "../../support/sound-image.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const newPlace = (): string => join(temporaryFolder(), "layout");

interface Index {
  manifests: { digest: string; annotations?: Record<string, string> }[];
  annotations?: Record<string, string>;
}
const indexOf = (place: string): Index =>
  JSON.parse(readFileSync(join(place, "index.json"), "utf8")) as Index;
const blobsOf = (place: string): string[] => readdirSync(join(place, "blobs/sha256")).toSorted();
const unnamed = (draft: ImageDraft): ImageDraft => ({ ...draft, names: [] });

const failing: LayerDraft = {
  ...layerOf("bad", "x", 0),
  async writeAt() {
    await new Promise((resolve) => setTimeout(resolve, 50));
    throw new Error("this layer fails");
  },
};

describe("adding to a layout", () => {
  test("that fails adds nothing: no blob, no temporary file", async () => {
    const place = newPlace();
    await layoutSink(place).write(imageOf([layerOf("a", "one")]));
    const [blobs, index] = [blobsOf(place), indexOf(place)];
    const draft = imageOf([layerOf("new", "quickly done"), failing]);
    await expect(layoutSink(place).write(draft)).rejects.toThrow("this layer fails");
    const controller = new AbortController();
    const slow = layoutSink(place).write(imageOf([layerOf("new", "done"), layerOf("slow", "x", 60_000)]), {
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(new Error("stop")), 50);
    await expect(slow).rejects.toThrow("stop");
    expect(blobsOf(place)).toEqual(blobs);
    expect(indexOf(place)).toEqual(index);
    expect(readdirSync(place).toSorted()).toEqual(["blobs", "index.json", "oci-layout"]);
  });

  test("mends a blob that was damaged", async () => {
    const place = newPlace();
    const { layers } = await layoutSink(place).write(imageOf([layerOf("a", "one")]));
    const digest = layers[0]?.digest ?? "";
    const blob = join(place, "blobs/sha256", digest.slice(7));
    const bytes = readFileSync(blob);
    writeFileSync(blob, Buffer.alloc(bytes.length));
    await layoutSink(place).write(imageOf([layerOf("a", "one")], "other:1"));
    expect(digestOf(readFileSync(blob))).toBe(digest);
    await expectSound(place);
  });

  test("keeps what others wrote into the index: annotations, descriptors of other tools, entries nobody knows", async () => {
    const place = newPlace();
    await layoutSink(place).write(imageOf([layerOf("a", "one")]));
    const theirs = [
      {
        mediaType: "x/y",
        digest: "sha256:1",
        size: 1,
        annotations: { "org.opencontainers.image.ref.name": "1" },
      },
      { mediaType: "x/y", digest: "sha256:2", size: 1 },
      { mediaType: "x/y", digest: "sha256:3", size: 1, annotations: null },
      "not a descriptor",
      null,
    ];
    const index = { ...indexOf(place), annotations: { mine: "yes" } } as Record<string, unknown>;
    index["manifests"] = [...theirs, ...(index["manifests"] as unknown[])];
    writeFileSync(join(place, "index.json"), JSON.stringify(index));
    const written = await layoutSink(place).write(imageOf([layerOf("a", "two")]));
    const after = indexOf(place);
    expect(after.annotations).toEqual({ mine: "yes" });
    expect(after.manifests.slice(0, -1)).toEqual(theirs);
    expect(after.manifests.at(-1)?.digest).toBe(written.manifestDigest);
  });

  test("an image without a name stands once for its digest", async () => {
    const place = newPlace();
    const one = await layoutSink(place).write(unnamed(imageOf([layerOf("a", "one")])));
    await layoutSink(place).write(unnamed(imageOf([layerOf("a", "one")])));
    const two = await layoutSink(place).write(unnamed(imageOf([layerOf("a", "two")])));
    await expectSound(place);
    const { manifests } = indexOf(place);
    expect(manifests.map(({ digest }) => digest)).toEqual([one.manifestDigest, two.manifestDigest]);
    expect(manifests.every(({ annotations }) => annotations === undefined)).toBe(true);
  });

  test("equal layers are one blob, equal names one entry", async () => {
    const place = newPlace();
    const names = ["tiny", "tiny:latest", "docker.io/library/tiny"].map((name) => parseImageName(name));
    const draft = { ...imageOf([layerOf("a", "same"), layerOf("a", "same")]), names };
    const { layers } = await layoutSink(place).write(draft);
    await expectSound(place);
    expect(layers).toHaveLength(2);
    expect(blobsOf(place)).toHaveLength(3);
    expect(indexOf(place).manifests).toHaveLength(1);
  });
});

describe("the place", () => {
  test("a symlink to nothing yet is followed", async () => {
    const folder = temporaryFolder();
    symlinkSync("real", join(folder, "link"));
    await layoutSink(join(folder, "link")).write(imageOf([layerOf("a", "one")]));
    expect(readlinkSync(join(folder, "link"))).toBe("real");
    expect(readdirSync(folder).toSorted()).toEqual(["link", "real"]);
  });

  test("a folder with something in it, a file, half a layout, a layout of another version: refused, untouched", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "full"));
    writeFileSync(join(folder, "full/notes"), "mine");
    writeFileSync(join(folder, "file"), "mine");
    mkdirSync(join(folder, "half"));
    writeFileSync(join(folder, "half/oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    for (const [name, marker] of Object.entries({
      later: '{"imageLayoutVersion":"2.0.0"}',
      broken: "1.0.0",
      null: "null",
    })) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "oci-layout"), marker);
      writeFileSync(join(folder, name, "index.json"), '{"manifests":[]}');
    }
    for (const name of ["full", "file", "half", "later", "broken", "null"]) {
      const names = readdirSync(folder, { recursive: true });
      await expect(
        layoutSink(join(folder, name)).write(imageOf([layerOf("a", "one")])),
      ).rejects.toMatchObject({
        code: "output-unusable",
        path: join(folder, name),
      });
      expect(readdirSync(folder, { recursive: true })).toEqual(names);
    }
  });

  test("a new layout is as open as the umask lets a new folder be", async () => {
    const place = newPlace();
    const before = process.umask(0o022);
    try {
      await layoutSink(place).write(imageOf([layerOf("a", "one")]));
    } finally {
      process.umask(before);
    }
    const modes = ["", "blobs", "blobs/sha256", "index.json"].map(
      (name) => statSync(join(place, name)).mode & 0o777,
    );
    expect(modes).toEqual([0o755, 0o755, 0o755, 0o644]);
  });
});

test("an image without a name, in an archive: no tag, and one entry in the index", async () => {
  const place = newPlace();
  await archiveSink(place).write(unnamed(imageOf([layerOf("a", "one")])));
  const text = readFileSync(place, "latin1");
  expect(text).toContain('"RepoTags":[]');
  expect(text).not.toContain("annotations");
  expect(text).toContain('"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json"');
});
