import { parentPort } from "node:worker_threads";
import { END, type BlockAnswer, type BlockTask } from "./block-task.ts";
import { formatOf } from "./codec-format.ts";

const port = parentPort;
if (port === null) throw new Error("block-worker runs in a worker thread only");

port.on("message", (task: BlockTask | typeof END) => {
  if (task === END) port.close();
  else port.postMessage(compress(task));
});

function compress({ codec, slot, length }: BlockTask): BlockAnswer {
  try {
    const packed = formatOf(codec).compress(slot.plain.subarray(0, length), codec.level);
    slot.packed.set(packed);
    return { length: packed.length };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}
