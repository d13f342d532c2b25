import { serveTasks } from "../threads/serve-tasks.ts";
import type { BlockAnswer, BlockTask } from "./block-task.ts";
import { formatOf } from "./codec-format.ts";

serveTasks((task, answer) => answer(compress(task as BlockTask)));

function compress({ codec, slot, length }: BlockTask): BlockAnswer {
  try {
    const packed = formatOf(codec).compress(slot.plain.subarray(0, length), codec.level);
    slot.packed.set(packed);
    return { length: packed.length };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}
