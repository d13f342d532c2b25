import { writeLayer } from "@stowage/oci/thread";
import type { LayerResults, LayerTask } from "./layer-task.ts";
import { sizeLayer } from "./size-layer.ts";
import { storeEntries } from "./store-entries.ts";
import { writeChunks } from "./write-chunks.ts";

/** Tasks that nobody need take bytes from while they are done. */
export type LoneTask = Exclude<LayerTask, { readonly type: "read" }>;

/** Does a task synchronously, in steps of some 16 MiB: for small files that is far faster than a promise for each. */
export function* doTask(
  task: LoneTask,
  onBytes: (bytes: number) => void,
): Generator<void, LayerResults[LoneTask["type"]]> {
  if (task.type === "size") return sizeLayer(task.content);
  const chunks = writeLayer(storeEntries(task.content, { check: task.check }));
  return yield* writeChunks(chunks, task.place, onBytes);
}
