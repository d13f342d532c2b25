import { parentPort } from "node:worker_threads";
import { layerSize, writeLayer } from "@stowage/oci";
import { RingWriter } from "./chunk-ring.ts";
import type { LayerAnswer, LayerTask } from "./layer-task.ts";
import { END, packError } from "./layer-task.ts";
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
  const answer = (message: LayerAnswer): void => port.postMessage(message);
  try {
    answer({ type: "done", value: run(task, (bytes) => answer({ type: "bytes", bytes })) });
  } catch (error) {
    answer({ type: "failed", error: packError(error) });
  }
});

function run(task: LayerTask, onBytes: (bytes: number) => void): number | string {
  if (task.type === "size") return layerSize(storeEntries(task.content));
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
