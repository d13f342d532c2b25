import type { BlockPool } from "../compression/block-pool.ts";
import { LayerCompression } from "../compression/layer-compression.ts";
import type { LayerDraft } from "../image-draft.ts";
import type { Digest } from "../spec/digest.ts";
import type { BlobContent } from "./blob-content.ts";
import type { WantedBlob } from "./wanted-blob.ts";

/** A layer that is compressed as it is sent: the same bytes each time, how many shows only at their end. */
export class CompressedContent implements BlobContent {
  readonly digest = undefined;
  readonly size = undefined;
  readonly what: string;
  /** What it was before, or was when it was measured. */
  remembered: WantedBlob | undefined;
  readonly #layer: LayerDraft;
  readonly #pool: BlockPool;
  #onPlainBytes: ((bytes: number) => void) | undefined;
  #diffId: Digest | undefined;

  /** @param options `onPlainBytes`: told of the plain tar's bytes, as they are compressed for the first time */
  constructor(
    layer: LayerDraft,
    pool: BlockPool,
    options: {
      readonly what: string;
      readonly remembered?: WantedBlob | undefined;
      readonly onPlainBytes?: ((bytes: number) => void) | undefined;
    },
  ) {
    this.#layer = layer;
    this.#pool = pool;
    this.what = options.what;
    this.remembered = options.remembered;
    this.#onPlainBytes = options.onPlainBytes;
  }

  /** The plain tar's digest; undefined before its bytes were made to their end. */
  get diffId(): Digest | undefined {
    return this.#diffId;
  }

  async *chunks(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const plain = (): AsyncIterable<Uint8Array> => this.#layer.chunks(signal);
    await using compression = new LayerCompression([plain], this.#pool, signal);
    const chunks = compression.nextLayer(this.#onPlainBytes);
    this.#onPlainBytes = undefined;
    for (;;) {
      const step = await chunks.next();
      if (step.done) {
        this.#diffId = step.value;
        return;
      }
      yield step.value;
    }
  }
}
