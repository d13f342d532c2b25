import { LayerCompression, type PlainLayer } from "../compression/layer-compression.ts";
import type { BlockPool } from "../compression/block-pool.ts";
import {
  PLAIN_TAR,
  type ImageDraft,
  type LayerDraft,
  type LayerWriteOptions,
  type WrittenLayer,
} from "../image-draft.ts";
import { DigestHash } from "../spec/digest.ts";
import { ReadAhead, type ReadingLayer } from "./read-ahead.ts";
import { changedLayer } from "./write-all.ts";

interface CompressedOptions {
  readonly pool: BlockPool;
  /** Whether a layer that is remembered lies in its place already. */
  readonly has?: ((known: WrittenLayer) => Promise<boolean>) | undefined;
  /** Whether layers that are far away are brought here whole before any byte of them is handed on; default false. */
  readonly sized?: boolean | undefined;
}

/** An image's layers, compressed in their order: how large one is shows only when it is done. */
export class CompressedLayers implements AsyncDisposable {
  /** By the layers' positions, those that need not be made. */
  readonly known: readonly (WrittenLayer | undefined)[];
  readonly #made: readonly LayerDraft[];
  readonly #pool: BlockPool;
  readonly #options: LayerWriteOptions;
  readonly #reading: ReadAhead;
  readonly #compression: LayerCompression;
  #taken = 0;

  private constructor(
    image: ImageDraft,
    { pool, known, sized }: CompressedOptions & { readonly known: readonly (WrittenLayer | undefined)[] },
    options: LayerWriteOptions,
  ) {
    this.known = known;
    this.#made = image.layers.filter((_, index) => known[index] === undefined);
    this.#pool = pool;
    this.#options = options;
    this.#reading = new ReadAhead(this.#made, { sized: sized ?? false, signal: options.signal });
    const layers = this.#made.map((layer): PlainLayer => {
      return () => wholeLayer(this.#reading.next(), image.layers.indexOf(layer));
    });
    this.#compression = new LayerCompression(layers, pool, options.signal);
  }

  /** Begins with the layers that have to be made. */
  static async begin(
    image: ImageDraft,
    { pool, has, sized }: CompressedOptions,
    options: LayerWriteOptions,
  ): Promise<CompressedLayers> {
    const known = await Promise.all(
      image.layers.map(async (layer) => {
        const remembered = has && (await layer.recall(pool.form));
        if (remembered === undefined || !(await has?.(remembered))) return undefined;
        options.onBytes?.((await layer.recall(PLAIN_TAR))?.size ?? 0);
        return remembered;
      }),
    );
    return new CompressedLayers(image, { pool, known, sized }, options);
  }

  /**
   * Hands over the next layer that has to be made; there must be one.
   * @param write writes a chunk, valid until it resolves, at an offset from the layer's start
   */
  async next(write: (chunk: Uint8Array, offset: number) => Promise<void>): Promise<WrittenLayer> {
    const { signal, onBytes } = this.#options;
    const chunks = this.#compression.nextLayer(onBytes);
    const hash = new DigestHash();
    let size = 0;
    for (;;) {
      const step = await chunks.next();
      if (step.done) {
        const written = { diffId: step.value, digest: hash.digest(), size };
        await (this.#made[this.#taken++] as LayerDraft).confirm(this.#pool.form, written, signal);
        return written;
      }
      const writing = write(step.value, size);
      hash.update(step.value);
      await writing;
      size += step.value.length;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#compression[Symbol.asyncDispose]();
    await this.#reading[Symbol.asyncDispose]();
  }
}

async function* wholeLayer(layer: ReadingLayer, index: number): AsyncGenerator<Uint8Array> {
  const size = await layer.size;
  let read = 0;
  for await (const chunk of layer.chunks()) {
    read += chunk.length;
    yield chunk;
  }
  if (size !== undefined && read !== size) throw changedLayer(index, size, read);
}
