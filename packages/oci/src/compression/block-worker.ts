import { serveTasks } from "../threads/serve-tasks.ts";
import { isPlain, markSlot, type BlockAnswer, type BlockTask } from "./block-task.ts";
import { formatOf } from "./codec-format.ts";

serveTasks((task, answer) => answer(compress(task as BlockTask)));

function compress({ codec, slot, length: plain }: BlockTask): BlockAnswer {
  if (!isPlain(slot)) return { failure: "a thread ended in the middle of a block" };
  try {
    const packed = formatOf(codec).compress(slot.subarray(0, plain), codec.level);
    markSlot(slot, "packed");
    slot.set(packed);
    const { length } = packed;
    free(packed.buffer);
    return { length };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}

/** Frees memory at once: left to the collector, compressed blocks took a quarter of a pack's memory. */
function free(memory: ArrayBufferLike): void {
  // Small buffers share Node's pool with others.
  if (memory instanceof ArrayBuffer && memory.byteLength > Buffer.poolSize) memory.transfer(0);
}
