import type { Codec } from "./codec.ts";

/**
 * Memory that both sides see: a block's plain bytes, and in their place what they became, with a last byte more that says which. With a
 * place for each, and two blocks for each thread, eight threads of zstd took 65 MB more.
 */
export type BlockSlot = Uint8Array<SharedArrayBuffer>;

/** Room for a block that becomes at most so many bytes. */
export function makeSlot(packedBytes: number): BlockSlot {
  return new Uint8Array(new SharedArrayBuffer(packedBytes + 1));
}

/** What is in a slot from now on. */
export function markSlot(slot: BlockSlot, holds: "plain" | "packed"): void {
  slot[slot.length - 1] = holds === "plain" ? 0 : 1;
}

/** Whether a slot's plain bytes are still there: a task is done again where a thread ended early. */
export function isPlain(slot: BlockSlot): boolean {
  return slot.at(-1) === 0;
}

/** What a thread is asked: to compress the first `length` plain bytes of a slot. */
export interface BlockTask {
  readonly codec: Codec;
  readonly slot: BlockSlot;
  readonly length: number;
}

/** What it answers: how many bytes they became, or why it could not. */
export type BlockAnswer = { readonly length: number } | { readonly failure: string };
