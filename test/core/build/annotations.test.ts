import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pack, type PackOptions } from "@stowage/core";
import { expect, test } from "vitest";
import { readAnnotations } from "../../../packages/core/src/build/config/annotations.ts";
import { nixEnvironment } from "../../support/nix-environment.ts";
import { requirePrograms } from "../../support/programs.ts";
import { makeSmallClosure } from "../../support/small-closure.ts";
import { expectSound } from "../../support/sound-image.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

test("words of the OCI image spec stand for their keys, and become labels; other keys have a dot", () => {
  const given = {
    version: "1.2",
    "com.example.ticket": "7",
    source: "https://example.org/app",
    revision: "4f2c",
  };
  const { annotations, labels } = readAnnotations(given);
  expect(Object.entries(annotations)).toEqual([
    ["com.example.ticket", "7"],
    ["org.opencontainers.image.revision", "4f2c"],
    ["org.opencontainers.image.source", "https://example.org/app"],
    ["org.opencontainers.image.version", "1.2"],
  ]);
  expect(Object.keys(labels)).toEqual(Object.keys(annotations).slice(1));
  const other = {
    revision: "4f2c",
    source: "https://example.org/app",
    "com.example.ticket": "7",
    version: "1.2",
  };
  expect(JSON.stringify(readAnnotations(other))).toBe(JSON.stringify({ annotations, labels }));
});

test.each([
  [{ sorce: "https://example.org" }, /--annotation sorce: it is neither a word/],
  [{ source: "example.org/app" }, /'example.org\/app' is no URL/],
  [{ "com.example.a b": "1" }, /no spaces/],
  [{ "com.example.a": "x\u001b[2J" }, /control characters/],
  [{ version: "1", "org.opencontainers.image.version": "2" }, /given twice/],
])("%j is refused", (given, says) => {
  expect(() => readAnnotations(given as Record<string, string>)).toThrow(says);
});

test.skipIf(!requirePrograms("nix-store"))(
  "they are the manifest's, and labels where nothing else is said; several targets are one image",
  async () => {
    using closure = makeSmallClosure();
    const folder = temporaryFolder();
    const packed = (output: string, options: Partial<PackOptions>) =>
      pack({
        targets: closure.paths,
        store: closure.url,
        platform: "linux/amd64",
        output: join(folder, output),
        format: "oci-dir",
        environment: { ...nixEnvironment, XDG_CACHE_HOME: folder },
        ...options,
      });
    const read = (output: string, name: string): Record<string, unknown> =>
      JSON.parse(readFileSync(join(folder, output, name), "utf8")) as Record<string, unknown>;
    const blob = (digest = ""): string => `blobs/sha256/${digest.slice("sha256:".length)}`;

    const annotations = { version: "1.2", "com.example.ticket": "7", revision: "4f2c" };
    const labels = { "org.opencontainers.image.revision": "label", mine: "1" };
    const said = await packed("said", { annotations, labels });
    await expectSound(join(folder, "said"));
    const { manifests } = read("said", "index.json") as { manifests: { digest: string }[] };
    expect(manifests.map(({ digest }) => digest)).toEqual([said.manifestDigest]);
    expect(read("said", blob(said.manifestDigest))["annotations"]).toEqual({
      "com.example.ticket": "7",
      "org.opencontainers.image.revision": "4f2c",
      "org.opencontainers.image.version": "1.2",
    });
    const { config } = read("said", blob(said.imageId)) as { config: { Labels: object } };
    expect(config.Labels).toMatchObject({ "org.opencontainers.image.version": "1.2", ...labels });
    expect(config.Labels).not.toHaveProperty(["com.example.ticket"]);

    const other = await packed("other", {});
    expect(read("other", blob(other.manifestDigest))).not.toHaveProperty("annotations");
    const free = await packed("free", { annotations: { "com.example.ticket": "7" } });
    expect(free.imageId).toBe(other.imageId);
    expect(free.manifestDigest).not.toBe(other.manifestDigest);
  },
);
