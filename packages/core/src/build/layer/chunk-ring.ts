/** How many chunks may wait for their reader: enough that neither side waits for the other at each of them. */
const SLOTS = 8;
/** Bytes of a chunk. */
const SLOT_BYTES = 512 * 1024;

/** A reading of up to so many bytes never waits for who takes them. */
export const RING_BYTES: number = SLOTS * SLOT_BYTES;

/** Memory that two threads share. */
export interface SharedRing {
  readonly data: SharedArrayBuffer;
  /** One number: how many chunks the reader is done with. */
  readonly taken: SharedArrayBuffer;
}

/** The end of a ring that a thread fills, synchronously: where all slots are full it waits for the reader. */
export class RingWriter {
  readonly #data: Uint8Array;
  readonly #taken: Int32Array;
  readonly #onFilled: (bytes: number) => void;
  #filled = 0;
  #used = 0;

  /** @param onFilled tells the reader of the next chunk, in order */
  constructor(ring: SharedRing, onFilled: (bytes: number) => void) {
    this.#data = new Uint8Array(ring.data);
    this.#taken = new Int32Array(ring.taken);
    this.#onFilled = onFilled;
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#used === 0) this.#awaitSlot();
      const part = bytes.subarray(at, at + SLOT_BYTES - this.#used);
      this.#data.set(part, (this.#filled % SLOTS) * SLOT_BYTES + this.#used);
      this.#used += part.length;
      at += part.length;
      if (this.#used === SLOT_BYTES) this.flush();
    }
  }

  /** Hands on a chunk that is not full. */
  flush(): void {
    if (this.#used === 0) return;
    this.#onFilled(this.#used);
    this.#filled++;
    this.#used = 0;
  }

  #awaitSlot(): void {
    for (;;) {
      const taken = Atomics.load(this.#taken, 0);
      if (this.#filled - taken < SLOTS) return;
      Atomics.wait(this.#taken, 0, taken);
    }
  }
}

/** The other end: chunks in order, each valid until the next is asked for. */
export class RingReader implements AsyncIterable<Uint8Array> {
  readonly shared: SharedRing = {
    data: new SharedArrayBuffer(RING_BYTES),
    taken: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
  };
  readonly #taken = new Int32Array(this.shared.taken);
  /** Bytes of the chunks that are there. */
  #lengths: number[] = [];
  #ended: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  /** The next chunk is there. */
  readonly filled = (bytes: number): void => {
    this.#lengths.push(bytes);
    this.#wake?.();
  };

  /** No chunk follows those that are there. */
  end(): void {
    this.#ended = {};
    this.#wake?.();
  }

  /** Reading failed. */
  fail(error: unknown): void {
    this.#ended = { error };
    this.#wake?.();
  }

  /** Makes an ended ring as new. */
  reset(): void {
    Atomics.store(this.#taken, 0, 0);
    this.#lengths = [];
    this.#ended = undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (let index = 0; ; index = (index + 1) % SLOTS) {
      while (this.#lengths.length === 0 && this.#ended === undefined) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      if (this.#ended !== undefined && "error" in this.#ended) throw this.#ended.error;
      const length = this.#lengths.shift();
      if (length === undefined) return;
      yield new Uint8Array(this.shared.data, index * SLOT_BYTES, length);
      Atomics.add(this.#taken, 0, 1);
      Atomics.notify(this.#taken, 0);
    }
  }
}
