/**
 * How a compressed layer is put together from blocks that are compressed each on its own, so that its bytes follow from
 * the plain ones alone, whoever compresses which block when.
 */
export interface BlockFormat {
  /** The codec's library; another may give other bytes. */
  readonly version: string;
  /** Plain bytes of every block but the last. */
  readonly blockBytes: number;
  /** Compresses one block into at most {@link packedBound} bytes. */
  compress(block: Uint8Array, level: number): Uint8Array;
  /** What goes around the blocks of one layer. */
  frame(level: number): LayerFrame;
}

/** Gathers what a layer's end says of its contents. */
export interface LayerFrame {
  readonly start: Uint8Array;
  /** Takes the plain blocks in order. */
  update(block: Uint8Array): void;
  end(): Uint8Array;
}

/** The most bytes that a block of `plain` bytes becomes; generous for both codecs. */
export function packedBound(plain: number): number {
  return plain + Math.ceil(plain / 64) + 1024;
}
