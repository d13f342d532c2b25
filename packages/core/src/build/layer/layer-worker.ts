import { parentPort } from "node:worker_threads";
import { writeLayer, type Digest } from "@stowage/oci";
import { RingWriter } from "./chunk-ring.ts";
import type { LayerAnswer, LayerTask, ReadTask } from "./layer-task.ts";
import { END, packError } from "./layer-task.ts";
import { sizeLayer } from "./size-layer.ts";
import { storeEntries } from "./store-entries.ts";
import { writeChunks } from "./write-chunks.ts";

const port = parentPort;
if (port === null) throw new Error("layer-worker runs in a worker thread only");

/** Reading, hashing and writing are synchronous here: for small files that is far faster than a promise for each. */
port.on("message", (task: LayerTask | typeof END) => {
  if (task === END) {
    port.close();
    return;
  }
  const answer = (message: LayerAnswer, transfer: ArrayBuffer[] = []): void =>
    port.postMessage(message, transfer);
  try {
    if (task.type === "size") {
      const result = sizeLayer(task.content);
      const transfer = (result.listings ?? []).map(({ buffer }) => buffer);
      answer({ type: "done", result }, transfer);
    } else {
      answer({ type: "done", result: makeBytes(task, (bytes) => answer({ type: "bytes", bytes })) });
    }
  } catch (error) {
    answer({ type: "failed", error: packError(error) });
  }
});

function makeBytes(task: ReadTask, onBytes: (bytes: number) => void): Digest | number {
  const chunks = writeLayer(storeEntries(task.content, { check: task.check }));
  if (task.type === "read") return fillRing(chunks, new RingWriter(task.ring, onBytes));
  const writing = writeChunks(chunks, task.place, onBytes);
  for (;;) {
    const step = writing.next();
    if (step.done) return step.value;
  }
}

function fillRing(chunks: Iterable<Uint8Array>, ring: RingWriter): number {
  let bytes = 0;
  for (const chunk of chunks) {
    ring.write(chunk);
    bytes += chunk.length;
  }
  ring.flush();
  return bytes;
}
