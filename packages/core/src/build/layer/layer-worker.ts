import { serveTasks, writeLayer } from "@stowage/oci/thread";
import { RingWriter } from "./chunk-ring.ts";
import { doTask } from "./do-task.ts";
import { packError, type LayerAnswer, type LayerResults, type LayerTask } from "./layer-task.ts";
import { storeEntries } from "./store-entries.ts";

serveTasks((given, send) => {
  const answer = (message: LayerAnswer, transfer?: ArrayBuffer[]): void => send(message, transfer);
  try {
    const result = makeResult(given as LayerTask, (bytes) => answer({ type: "bytes", bytes }));
    answer({ type: "done", result }, buffersOf(result));
  } catch (error) {
    answer({ type: "failed", error: packError(error) });
  }
});

function makeResult(task: LayerTask, onBytes: (bytes: number) => void): LayerResults[LayerTask["type"]] {
  if (task.type === "read") {
    const ring = new RingWriter(task.ring, onBytes);
    for (const chunk of writeLayer(storeEntries(task.content, { check: task.check }))) ring.write(chunk);
    ring.flush();
    return undefined;
  }
  const work = doTask(task, onBytes);
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

function buffersOf(result: LayerResults[LayerTask["type"]]): ArrayBuffer[] {
  return typeof result === "object" ? (result.listings ?? []).map(({ buffer }) => buffer) : [];
}
