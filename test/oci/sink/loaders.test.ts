import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { archiveSink, digestOf, dockerArchiveSink, layoutSink } from "@stowage/oci";
import { fileEntry, imageOf, layerOf, memoryLayer, zerosEntry } from "../../support/memory-image.ts";
import { requirePrograms } from "../../support/programs.ts";
import { expectSound } from "../../support/sound-image.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const image = imageOf([layerOf("a", "first"), layerOf("b", "second")], "registry.example:5000/team/tiny:1.2");

function say(program: string, ...words: string[]): string {
  return execFileSync(program, words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

test("a tiny image's archive has these bytes, on every machine and for ever", async () => {
  const file = join(temporaryFolder(), "image.tar");
  const written = await archiveSink(file).write(image);
  expect(written).toEqual({
    imageId: "sha256:966b8ed3f3cda49e83956b4439748c1dfd1163434e3480aca0e08f6502dcc12a",
    manifestDigest: "sha256:c65fe2af09aaf6320ead3c425bd42e560cc337f0fed41994b6e0ac7735a7d30c",
    layers: written.layers,
  });
  expect(statSync(file).size).toBe(30_720);
  expect(digestOf(readFileSync(file))).toBe(
    "sha256:ef418a0e077c29db6bd4da07d0004731ce08e179c4fafb5cb1f4dfd9d4efa576",
  );
  await expectSound(file);
});

describe.skipIf(!requirePrograms("skopeo"))("skopeo", () => {
  const inspect = (place: string): { Digest: string; Layers: string[]; Env: string[]; Created: string } =>
    JSON.parse(say("skopeo", "inspect", place)) as ReturnType<typeof inspect>;

  test("reads the archive as docker-archive and as oci-archive", async () => {
    const file = join(temporaryFolder(), "image.tar");
    const written = await archiveSink(file).write(image);
    const layers = written.layers.map(({ digest }) => digest);
    const expected = { Layers: layers, Env: ["A=1"], Created: "1970-01-01T00:00:01Z" };
    expect(inspect(`docker-archive:${file}`)).toMatchObject(expected);
    expect(inspect(`oci-archive:${file}`)).toMatchObject({ ...expected, Digest: written.manifestDigest });
    expect(say("tar", "-tf", file).trim().split("\n")).toHaveLength(7);
  });

  test("copies every blob of each form, which checks its digest", async () => {
    const folder = temporaryFolder();
    const twice = imageOf([layerOf("a", "first"), layerOf("b", "second"), layerOf("a", "first")]);
    await archiveSink(join(folder, "image.tar")).write(twice);
    await dockerArchiveSink(join(folder, "stream.tar")).write(twice);
    const { layers } = await layoutSink(join(folder, "layout")).write(twice);
    await expectSound(...["image.tar", "stream.tar", "layout"].map((name) => join(folder, name)));
    const places = [
      "docker-archive:image.tar",
      "oci-archive:image.tar",
      "docker-archive:stream.tar",
      "oci:layout:1",
    ];
    for (const [index, place] of places.entries()) {
      const [transport, name] = [place.slice(0, place.indexOf(":")), place.slice(place.indexOf(":") + 1)];
      const source = `${transport}:${folder}/${name}`;
      say("skopeo", "--insecure-policy", "copy", "-q", source, `dir:${folder}/copy-${index}`);
      const manifest = readFileSync(join(folder, `copy-${index}`, "manifest.json"), "utf8");
      const copied = JSON.parse(manifest) as { layers: { digest: string }[] };
      // A docker-archive's layers are compressed on their way; the config still names them as they were.
      const config = say("skopeo", "inspect", "--config", `dir:${folder}/copy-${index}`);
      expect(copied.layers).toHaveLength(3);
      expect((JSON.parse(config) as { rootfs: unknown }).rootfs).toEqual({
        type: "layers",
        diff_ids: layers.map(({ diffId }) => diffId),
      });
    }
  });
});

test.skipIf(!requirePrograms("umoci"))("umoci lists, checks and unpacks the layout", async () => {
  const folder = temporaryFolder();
  const layout = join(folder, "layout");
  await layoutSink(layout).write(image);
  await layoutSink(layout).write(imageOf([layerOf("c", "third")], "other:2"));
  expect(say("umoci", "list", "--layout", layout).trim().split("\n")).toEqual(["1.2", "2"]);
  say("umoci", "unpack", "--rootless", "--image", `${layout}:1.2`, join(folder, "bundle"));
  expect(readdirSync(join(folder, "bundle/rootfs")).toSorted()).toEqual(["a", "b"]);
  expect(readFileSync(join(folder, "bundle/rootfs/b"), "utf8")).toBe("second");
});

describe("a layer over 8 GiB in the archive", { timeout: 240_000 }, () => {
  test("has its whole size for every reader, which finds what comes after it", async () => {
    const file = join(temporaryFolder(), "image.tar");
    const huge = memoryLayer([zerosEntry("/huge", 8 ** 11)], "huge");
    const { layers } = await archiveSink(file).write(
      imageOf([huge, memoryLayer([fileEntry("/after", "x")], "after")]),
    );
    const size = layers[0]?.size ?? 0;
    expect(size).toBeGreaterThan(8 ** 11);
    // Written as holes, but read as bytes.
    expect(statSync(file).blocks * 512).toBeLessThan(10 ** 8);
    const python = "import sys,tarfile; print([m.size for m in tarfile.open(sys.argv[1])][1])";
    if (requirePrograms("python3")) expect(Number(say("python3", "-c", python, file))).toBe(size);
    for (const program of ["tar", "bsdtar"]) {
      if (!requirePrograms(program)) continue;
      const lines = say(program, "-tvf", file).trim().split("\n");
      expect(lines).toHaveLength(7);
      expect(lines[1]).toContain(` ${size} `);
      expect(lines.at(-1)).toMatch(/ manifest\.json$/);
    }
    if (!requirePrograms("skopeo")) return;
    // Go's archive/tar, which Docker, containerd and podman read with, as well.
    const inspected = JSON.parse(say("skopeo", "inspect", "--raw", `docker-archive:${file}`)) as {
      layers: { size: number }[];
    };
    expect(inspected.layers[0]?.size).toBe(size);
  });
});
