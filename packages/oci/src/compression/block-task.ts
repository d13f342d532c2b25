import type { Codec } from "./codec.ts";

/**
 * Memory that both sides see: a block's plain bytes, and in their place what they became. With a place for each,
 * and two blocks for each thread, eight threads of zstd took 65 MB more.
 */
export type BlockSlot = Uint8Array<SharedArrayBuffer>;

/** What a thread is asked: to compress the first `length` plain bytes of a slot. */
export interface BlockTask {
  readonly codec: Codec;
  readonly slot: BlockSlot;
  readonly length: number;
}

/** What it answers: how many bytes they became, or why it could not. */
export type BlockAnswer = { readonly length: number } | { readonly failure: string };
