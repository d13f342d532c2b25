import { readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { inspect, readImageClosure, verify } from "@stowage/core";
import { describe, expect, test } from "vitest";
import { forgeFiles, toArchive } from "../support/forge-image.ts";
import { nixEnvironment } from "../support/nix-environment.ts";
import { smallStoreImage } from "../support/small-store-image.ts";
import { stowage } from "../support/stowage.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const hello = `${"0".repeat(31)}1-hello-1`;
const { layers, options } = smallStoreImage([{ baseName: hello, files: { "bin/hello": "hello" } }]);
const plain = toArchive(forgeFiles(layers, options));

function archive(name: string, bytes: Uint8Array): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, bytes);
  return path;
}

describe("an archive that is compressed as a whole", () => {
  const half = plain.length >> 1;

  test.each([
    ["gzip, as dockerTools leaves it", "image.tar.gz", gzipSync(plain)],
    [
      "gzip in two members",
      "members.tar.gz",
      Buffer.concat([gzipSync(plain.subarray(0, half)), gzipSync(plain.subarray(half))]),
    ],
    ["zstd", "image.tar.zst", zstdCompressSync(plain)],
  ])("is read as what it unpacks to: %s", async (_, name, bytes) => {
    const image = archive("plain.tar", plain);
    const packed = archive(name, bytes);
    const verdict = await verify({ image: packed, environment: {} });
    expect(verdict).toEqual({ ...(await verify({ image, environment: {} })), image: packed });
    expect(verdict).toMatchObject({ verdict: "self-consistent", findings: [] });
    const { images } = await inspect({ image: packed });
    expect(images).toEqual((await inspect({ image })).images);
    const { closure } = await readImageClosure(packed);
    expect(closure.paths.map(({ path }) => basename(path))).toEqual([hello]);
    const said = await stowage(["diff", packed, image, "--json"]);
    expect(said, said.stderr).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(said.stdout)).toMatchObject({ totals: { unchangedPaths: 1 } });
  });

  const turned = Buffer.from(gzipSync(plain));
  turned.writeUInt32LE(0, turned.length - 8);
  test.each([
    ["is cut off", gzipSync(plain).subarray(0, -20), /its gzip data is cut off/],
    ["has another checksum", turned, /it is no gzip: incorrect data check/],
    [
      "has something behind its end",
      Buffer.concat([gzipSync(plain), Buffer.from("no gzip at all")]),
      /it is no gzip: incorrect header check/,
    ],
    ["holds nothing", gzipSync(Buffer.alloc(0)), /it does not end as a tar does/],
    ["holds no tar", gzipSync(Buffer.alloc(4096, "x")), /checksum|header/],
    [
      "unpacks to more than its size lets expect",
      zstdCompressSync(Buffer.alloc(1.2e9)),
      /it unpacks to more than/,
    ],
  ])("is refused where it %s", async (title, bytes, says) => {
    const path = archive(`${title}.tar`, bytes);
    const said = await stowage(["inspect", path], { env: { ...nixEnvironment, TMPDIR: temporaryFolder() } });
    expect(said.stderr).toMatch(says);
    expect(said.exitCode).toBe(3);
  });

  test("leaves nothing in TMPDIR; one that is not there is told", async () => {
    const temporary = temporaryFolder();
    const packed = archive("image.tar.gz", gzipSync(plain));
    expect(
      await stowage(["verify", packed], { env: { ...nixEnvironment, TMPDIR: temporary } }),
    ).toMatchObject({ exitCode: 0 });
    expect(readdirSync(temporary)).toEqual([]);
    const missing = await stowage(["verify", packed], {
      env: { ...nixEnvironment, TMPDIR: join(temporary, "none") },
    });
    expect(missing).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("TMPDIR") as string });
  });
});
