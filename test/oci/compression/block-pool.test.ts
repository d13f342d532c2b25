import { once } from "node:events";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { BlockPool, parseCompression, type Codec } from "@stowage/oci";
import { expect, test } from "vitest";
import { repository } from "../../support/repository.ts";

/** As large as a block is that takes a few milliseconds. */
const BYTES = 64 * 1024;

function newSlot(): Parameters<BlockPool["compress"]>[0] {
  return new Uint8Array(new SharedArrayBuffer(2 * BYTES));
}

test.each(["gzip", "zstd:19"])("%s: a block that is done soon is not ended in the middle", async (words) => {
  const codec = parseCompression(words) as Codec;
  const pool = new BlockPool(codec, 1);
  await pool.compress(newSlot(), BYTES, undefined);
  const underWay = pool.compress(newSlot(), BYTES, undefined);
  await turn();
  await pool[Symbol.asyncDispose]();
  expect(await underWay).toBeGreaterThan(0);

  const other = new BlockPool(codec, 1);
  await other.compress(newSlot(), BYTES, undefined);
  const abort = new AbortController();
  const aborted = other.compress(newSlot(), BYTES, abort.signal);
  await turn();
  abort.abort();
  expect(await aborted).toBeGreaterThan(0);
  await other[Symbol.asyncDispose]();
});

test("a block that is given up before its turn starts no thread", async () => {
  let started = 0;
  const count = (): number => started++;
  process.on("worker", count);
  await using pool = new BlockPool(parseCompression("gzip") as Codec, 1);
  const abort = new AbortController();
  const aborted = pool.compress(newSlot(), BYTES, abort.signal);
  abort.abort(new Error("given up"));
  await expect(aborted).rejects.toThrow("given up");
  await turn();
  expect(started).toBe(0);
  await pool.compress(newSlot(), BYTES, undefined);
  expect(started).toBe(1);
  process.off("worker", count);
});

test("a block is not compressed again where its plain bytes are gone", async () => {
  const codec = parseCompression("gzip") as Codec;
  await using pool = new BlockPool(codec, 1);
  const slot = newSlot();
  await pool.compress(slot, BYTES, undefined);
  // As the pool does for a thread that ended before it could answer.
  const thread = new Worker(join(repository, "packages/oci/src/compression/block-worker.ts"));
  thread.postMessage({ codec, slot, length: BYTES });
  expect(await once(thread, "message")).toEqual([{ failure: "a thread ended in the middle of a block" }]);
  await thread.terminate();
});
