import { expect, test } from "vitest";
import { narChunks, readTree, type TreeFile } from "@stowage/nix";
import { NarPipe } from "@stowage/nix/internal";
import { seededRandom } from "../../support/campaign.ts";

/** The NAR of one file. */
function narOf(bytes: Buffer): Buffer {
  const file = { type: "file", path: Buffer.alloc(0), executable: false, size: bytes.length } as const;
  const entries = [{ ...file, chunks: () => [bytes] }];
  return Buffer.concat(Array.from(narChunks(entries), (chunk) => Buffer.from(chunk)));
}

/** What is in the file of a NAR that comes out of a pipe. */
function readFile(pipe: NarPipe, length: number): Buffer {
  const parts: Buffer[] = [];
  for (const entry of readTree({ narPipe: pipe.shared, length }))
    for (const chunk of (entry as TreeFile).chunks()) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

test("NARs come out of a pipe as they went in, one behind another, many times around", async () => {
  const random = seededRandom(7);
  using pipe = new NarPipe();
  // Each fits, so that one thread can be both ends; all of them go around the ring several times.
  for (let round = 0; round < 40; round++) {
    const contents = Buffer.alloc(Math.floor(random() * 700_000), `round ${round} `);
    const nar = narOf(contents);
    for (let at = 0; at < nar.length;) {
      const length = 1 + Math.floor(random() * 100_000);
      await pipe.write(nar.subarray(at, at + length));
      at += length;
    }
    expect(readFile(pipe, nar.length).equals(contents)).toBe(true);
  }
});

test("whoever writes waits for room", async () => {
  using pipe = new NarPipe();
  const nar = narOf(Buffer.alloc(3_000_000, "x"));
  await pipe.write(nar);
  let isWritten = false;
  const writing = pipe.write(nar).then(() => (isWritten = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isWritten).toBe(false);
  expect(readFile(pipe, nar.length)).toHaveLength(3_000_000);
  await writing;
  expect(readFile(pipe, nar.length)).toHaveLength(3_000_000);
});

test("a pipe that is given up ends both ends", async () => {
  const pipe = new NarPipe();
  const nar = narOf(Buffer.alloc(3_000_000, "x"));
  await pipe.write(nar);
  const writing = pipe.write(nar);
  pipe[Symbol.dispose]();
  await expect(writing).rejects.toThrow("given up");
  expect(readFile(pipe, nar.length)).toHaveLength(3_000_000);
  expect(() => readFile(pipe, nar.length)).toThrow("given up");
});
