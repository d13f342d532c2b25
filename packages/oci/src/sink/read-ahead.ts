import type { LayerDraft } from "../image-draft.ts";

/** A layer that is being read. */
export interface ReadingLayer {
  readonly size: Promise<number>;
  /** Its bytes, to be taken once. */
  chunks(): AsyncIterable<Uint8Array>;
}

/**
 * Reads layers in their order, the one after the current begun already: nobody waits at the end of each for the first
 * bytes of the next. Disposing of it stops what is still being read.
 */
export class ReadAhead implements AsyncDisposable {
  readonly #layers: readonly LayerDraft[];
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #begun: BegunLayer[] = [];

  constructor(layers: readonly LayerDraft[], signal: AbortSignal | undefined) {
    this.#layers = layers;
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
    this.#begin();
  }

  /** The next layer; there must be one. */
  next(): ReadingLayer {
    const current = this.#begun.at(-1) as BegunLayer;
    this.#begin();
    return current;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#begun.map((layer) => layer.end()));
  }

  #begin(): void {
    const layer = this.#layers[this.#begun.length];
    if (layer !== undefined) this.#begun.push(new BegunLayer(layer, this.#signal));
  }
}

class BegunLayer implements ReadingLayer {
  readonly size: Promise<number>;
  readonly #chunks: AsyncIterator<Uint8Array, void>;
  readonly #first: Promise<IteratorResult<Uint8Array, void>>;

  constructor(layer: LayerDraft, signal: AbortSignal) {
    this.size = layer.size(signal);
    this.#chunks = layer.chunks(signal);
    this.#first = this.#chunks.next();
    // Whoever takes them is told; until then a failure must not count as one that nobody heard of.
    for (const promise of [this.size, this.#first]) promise.catch(() => {});
  }

  async *chunks(): AsyncGenerator<Uint8Array, void> {
    for (let step = await this.#first; !step.done; step = await this.#chunks.next()) yield step.value;
  }

  async end(): Promise<void> {
    await this.#chunks.return?.();
  }
}
