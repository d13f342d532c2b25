import { serveTasks, writeLayer, type Digest } from "@stowage/oci/thread";
import { RingWriter } from "./chunk-ring.ts";
import { packError, type LayerAnswer, type LayerTask, type ReadTask } from "./layer-task.ts";
import { sizeLayer } from "./size-layer.ts";
import { storeEntries } from "./store-entries.ts";
import { writeChunks } from "./write-chunks.ts";

/** Reading, hashing and writing are synchronous here: for small files that is far faster than a promise for each. */
serveTasks((given, send) => {
  const task = given as LayerTask;
  const answer = (message: LayerAnswer, transfer?: ArrayBuffer[]): void => send(message, transfer);
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
