import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { inspect, inspectFiles } from "@stowage/core";
import { forgeFiles, toArchive, type ForgedLayer, type ForgeOptions } from "../../support/forge-image.ts";
import { smallStoreImage } from "../../support/small-store-image.ts";
import { forgeMember, forgeTar } from "../../support/tar-forge.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const hello = `${"0".repeat(31)}1-hello-1`;
const libc = `${"0".repeat(31)}2-libc-2.36`;

function write(layers: readonly ForgedLayer[], options?: ForgeOptions): string {
  const path = join(temporaryFolder(), "image.tar");
  writeFileSync(path, toArchive(forgeFiles(layers, options)));
  return path;
}

const tarOf = (files: Readonly<Record<string, string>>): Buffer =>
  forgeTar(...Object.entries(files).map(([name, contents]) => forgeMember({ name }, contents)));

test("store paths by layer, sizes, and history without the record", async () => {
  const { layers, options } = smallStoreImage([
    { baseName: hello, files: { "bin/hello": "hello" }, references: [libc] },
    { baseName: libc, files: { "lib/libc.so": "l".repeat(700) } },
  ]);
  const { images, findings } = await inspect({ image: write(layers, options) });
  expect(findings).toEqual([]);
  const [image] = images;
  expect(
    image?.layers.map(({ storePaths }) => storePaths.map(({ name, version }) => [name, version])),
  ).toEqual([[["hello", "1"]], [["libc", "2.36"]], []]);
  expect(image?.layers.map(({ size }) => size)).toEqual(layers.map(({ stored }) => stored.length));
  expect(image?.layers[1]?.storePaths[0]?.narHash).toMatch(/^sha256-/);
  expect(image?.history[0]).toEqual({ createdBy: "x", layer: 0 });
  expect(image?.totals).toMatchObject({ storePaths: 2 });
  expect(image?.waste).toMatchObject({ efficiency: 1, hidden: [], repeated: [] });
});

test("compressed layers: both sizes; steps without a layer are not counted as one", async () => {
  const tar = tarOf({ a: "a".repeat(5000) });
  const stored = gzipSync(tar);
  const config = (given: Record<string, unknown>): unknown => ({
    ...given,
    created: "2020-01-02T03:04:05Z",
    config: {
      Env: ["A=1"],
      Cmd: ["sh", "-c"],
      User: "cat",
      WorkingDir: "/opt",
      ExposedPorts: { "80/tcp": {} },
      Volumes: { "/data": {} },
      StopSignal: "SIGINT",
      Labels: { by: "me" },
    },
    history: [{ created_by: "ENV A=1", empty_layer: true }, { created_by: "COPY a /" }],
  });
  const { images } = await inspect({
    image: write([{ stored, tar, mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" }], { config }),
  });
  expect(images[0]).toMatchObject({
    created: "2020-01-02T03:04:05Z",
    platform: "linux/amd64",
    config: {
      entrypoint: [],
      cmd: ["sh", "-c"],
      env: ["A=1"],
      user: "cat",
      workingDir: "/opt",
      exposedPorts: ["80/tcp"],
      volumes: ["/data"],
      stopSignal: "SIGINT",
      labels: { by: "me" },
    },
    history: [{ createdBy: "ENV A=1" }, { createdBy: "COPY a /", layer: 0 }],
    layers: [
      { compression: "gzip", size: stored.length, plainSize: tar.length, contentSize: 5000, storePaths: [] },
    ],
  });
});

test("what layers above hide, by layer; copies by contents", async () => {
  const image = write(
    [
      tarOf({ a: "x".repeat(1000), b: "y".repeat(500), c: "same" }),
      tarOf({ ".wh.b": "", a: "new", d: "same" }),
    ].map((stored) => ({ stored })),
  );
  const { images } = await inspect({ image });
  expect(images[0]?.layers.map(({ hiddenSize }) => hiddenSize)).toEqual([1500, 0]);
  expect(images[0]?.waste).toMatchObject({
    hidden: [
      { path: "/a", size: 1000, layer: 0, by: 1, reason: "overwritten" },
      { path: "/b", size: 500, layer: 0, by: 1, reason: "deleted" },
    ],
    repeated: [
      {
        size: 4,
        wasted: 4,
        places: [
          { path: "/c", layer: 0 },
          { path: "/d", layer: 1 },
        ],
      },
    ],
  });
});

test("a damaged layer is a finding, and the others are explained", async () => {
  const good = tarOf({ a: "a" });
  const image = write([{ stored: good }, { stored: good.subarray(0, 700), tar: good }]);
  const { images, findings } = await inspect({ image });
  expect(findings.map(({ code }) => code)).toEqual(expect.arrayContaining(["tar-truncated"]));
  expect(images[0]?.layers.map(({ diffId }) => diffId !== undefined)).toEqual([true, false]);
});

test("the files of a layer, by its number, its digest, the beginning of one", async () => {
  const stored = forgeTar(
    forgeMember({ name: "./etc/", type: "5", mode: 0o755 }),
    forgeMember({ name: "./etc/x", mode: 0o4755, uid: 7, gid: 8, mtime: 99 }, "hello"),
    forgeMember({ name: "./etc/y", type: "2", linkName: "x", mode: 0o777 }),
    forgeMember({ name: "./etc/z", type: "1", linkName: "./etc/x" }),
  );
  const image = write([{ stored: tarOf({ a: "a" }) }, { stored }]);
  const listed = await inspectFiles({ image }, "1");
  expect(listed).toMatchObject({ layer: 1, findings: [] });
  expect(listed.files).toEqual([
    { path: "/etc", type: "directory", mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 1 },
    { path: "/etc/x", type: "file", mode: 0o4755, uid: 7, gid: 8, size: 5, mtime: 99 },
    { path: "/etc/y", type: "symlink", mode: 0o777, uid: 0, gid: 0, size: 0, mtime: 1, target: "x" },
    { path: "/etc/z", type: "hardlink", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 1, target: "./etc/x" },
  ]);
  for (const word of [listed.digest, listed.digest.slice(7), listed.digest.slice(7, 19)])
    expect((await inspectFiles({ image }, word)).layer).toBe(1);
  for (const word of ["2", "nothing", "sha256:", "ffffffffffff"])
    await expect(inspectFiles({ image }, word)).rejects.toMatchObject({ code: "not-found" });
});
