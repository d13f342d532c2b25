import { writeSync } from "node:fs";
import { join } from "node:path";
import { parseDigest, type ImageDraft, type LayerDraft } from "@stowage/oci";
import { expect, onTestFinished, test } from "vitest";
import { AtomicFile } from "../../../packages/oci/src/sink/atomic-file.ts";
import { writeFarMembers } from "../../../packages/oci/src/sink/layer-members.ts";
import { isLong, seededRandom } from "../../support/campaign.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const MIB = 2 ** 20;

async function createFile(): Promise<AtomicFile> {
  const path = join(temporaryFolder(), "image.tar");
  const file = await AtomicFile.create(path, path);
  onTestFinished(() => file[Symbol.asyncDispose]());
  return file;
}

test.each([
  ["less than a piece", 1000, 512],
  ["a piece", MIB, 1],
  ["several pieces, over themselves", 3 * MIB + 17, 1024],
  ["several pieces, to where nothing was", 2 * MIB + 1, 5 * MIB],
  ["nothing", 0, 512],
])("bytes move up and down as they are: %s", async (_, length, distance) => {
  const random = seededRandom(length + 1);
  const bytes = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
  const file = await createFile();
  const from = 700;
  await file.writeAt(bytes, from);
  const readAt = async (position: number): Promise<Buffer> => {
    const there = Buffer.alloc(length);
    await file.handle.read(there, 0, length, position);
    return there;
  };
  await file.moveUp(from, from + distance, length);
  expect((await readAt(from + distance)).equals(bytes)).toBe(true);
  expect((await file.handle.stat()).size).toBe(length === 0 ? 0 : from + distance + length);
  await file.moveDown(from + distance, from, length);
  expect((await readAt(from)).equals(bytes)).toBe(true);
});

// All of it is moved: 8 GiB are written.
test.skipIf(!isLong)(
  "a far layer that is larger than anybody thought has room for the header it needs",
  { timeout: 600_000 },
  async () => {
    const file = await createFile();
    const digest = parseDigest(`sha256:${"0".repeat(64)}`);
    // From here on a header has a record of the size before it.
    const size = 8 ** 11;
    const [first, last] = [Buffer.from("first"), Buffer.from("last")];
    const layer = (bytes: number): LayerDraft => ({
      history: {},
      estimate: 1_000_000,
      size: () => Promise.reject(new Error("it is far away")),
      recall: () => Promise.resolve(undefined),
      writeAt(fd, offset, { onBytes }) {
        writeSync(fd, first, 0, first.length, offset);
        writeSync(fd, last, 0, last.length, offset + bytes - last.length);
        onBytes?.(bytes);
        return Promise.resolve(digest);
      },
      measure: () => Promise.resolve(digest),
      async *chunks() {},
      confirm: () => Promise.resolve(),
    });
    const image: ImageDraft = {
      layers: [layer(10_240), layer(size), layer(10_240)],
      config: { architecture: "amd64", os: "linux" },
      names: [],
    };
    const { places } = await writeFarMembers({ file, start: 512, shown: "image.tar" }, image, {});
    expect(places.map(({ headerOffset, contentOffset }) => contentOffset - headerOffset)).toEqual([
      512, 1536, 512,
    ]);
    expect(places.map((place) => place.size)).toEqual([10_240, size, 10_240]);
    for (const place of places) {
      for (const [bytes, at] of [
        [first, place.contentOffset],
        [last, place.contentOffset + place.size - last.length],
      ] as const) {
        const there = Buffer.alloc(bytes.length);
        await file.handle.read(there, 0, there.length, at);
        expect(there.equals(bytes)).toBe(true);
      }
    }
    expect(places[2]?.headerOffset).toBe((places[1]?.contentOffset ?? 0) + size);
  },
);
