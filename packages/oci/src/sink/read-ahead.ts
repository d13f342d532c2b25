import type { LayerDraft } from "../image-draft.ts";

/** A layer that is being read. */
export interface ReadingLayer {
  /** Known before the bytes; undefined where it is only counted as it passes. */
  readonly size: Promise<number | undefined>;
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
  readonly #sized: boolean;

  /** @param options `sized`: whether each layer's size must be known before its bytes */
  constructor(
    layers: readonly LayerDraft[],
    { sized, signal }: { readonly sized: boolean; readonly signal: AbortSignal | undefined },
  ) {
    this.#layers = layers;
    this.#sized = sized;
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
    const at = this.#begun.length;
    const layer = this.#layers[at];
    if (layer === undefined) return;
    const size = this.#sized ? layer.size(this.#signal) : Promise.resolve(undefined);
    this.#begun.push(new BegunLayer(layer, size, this.#signal));
    if (!this.#sized) expectLayers(this.#layers.slice(at + 1));
  }
}

/** How many layers begin to come before their turn. */
const EXPECTED_LAYERS = 6;

/** Says which layers will pass next. */
export function expectLayers(next: readonly LayerDraft[]): void {
  for (const layer of next.slice(0, EXPECTED_LAYERS)) layer.expect?.();
}

class BegunLayer implements ReadingLayer {
  readonly size: Promise<number | undefined>;
  readonly #chunks: AsyncIterator<Uint8Array, void>;
  readonly #first: Promise<IteratorResult<Uint8Array, void>>;

  constructor(layer: LayerDraft, size: Promise<number | undefined>, signal: AbortSignal) {
    this.size = size;
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
