/** Bytes that may wait for their reader; a power of two, so that positions may run over. */
const CAPACITY = 4 * 1024 * 1024;
/** Bytes that are handed on at once at most. */
const CHUNK_BYTES = 256 * 1024;

/** Numbers that both ends see: how often the writer did something, bytes written and taken so far (modulo 2^32), whether it gave up. */
const [SIGNAL, WRITTEN, TAKEN, FAILED] = [0, 1, 2, 3] as const;
const NUMBERS = 4;

/** Memory that two threads share. */
export interface SharedPipe {
  readonly data: SharedArrayBuffer;
  readonly numbers: SharedArrayBuffer;
}

/**
 * Brings bytes that come over time to a thread that reads them synchronously ({@link readPipe}). This is the writing end,
 * which never blocks.
 */
export class NarPipe implements Disposable {
  readonly shared: SharedPipe = {
    data: new SharedArrayBuffer(CAPACITY),
    numbers: new SharedArrayBuffer(NUMBERS * Int32Array.BYTES_PER_ELEMENT),
  };
  readonly #data = new Uint8Array(this.shared.data);
  readonly #numbers = new Int32Array(this.shared.numbers);

  /** Whether all that was written is taken; then what is written next may be for another reader. */
  get isEmpty(): boolean {
    return Atomics.load(this.#numbers, WRITTEN) === Atomics.load(this.#numbers, TAKEN);
  }

  /** @throws where the pipe was given up */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const written = Atomics.load(this.#numbers, WRITTEN);
      const room = await this.#room(written);
      const start = (written >>> 0) % CAPACITY;
      const part = bytes.subarray(at, at + Math.min(room, CAPACITY - start));
      this.#data.set(part, start);
      at += part.length;
      Atomics.add(this.#numbers, WRITTEN, part.length);
      this.#wakeReader();
    }
  }

  /** Gives up what is not read yet; the reader fails where it waits for more. */
  [Symbol.dispose](): void {
    Atomics.store(this.#numbers, FAILED, 1);
    this.#wakeReader();
    Atomics.notify(this.#numbers, TAKEN);
  }

  async #room(written: number): Promise<number> {
    for (;;) {
      if (Atomics.load(this.#numbers, FAILED) === 1) throw new Error("a pipe was given up");
      const taken = Atomics.load(this.#numbers, TAKEN);
      const room = CAPACITY - ((written - taken) | 0);
      if (room > 0) return room;
      await Atomics.waitAsync(this.#numbers, TAKEN, taken).value;
    }
  }

  #wakeReader(): void {
    Atomics.add(this.#numbers, SIGNAL, 1);
    Atomics.notify(this.#numbers, SIGNAL);
  }
}

/**
 * The next `length` bytes of a pipe, whose writer is another thread. Each chunk is valid only until the next is asked for.
 * @throws where the writer gave up
 */
export function* readPipe({ data, numbers: shared }: SharedPipe, length: number): Generator<Uint8Array> {
  const numbers = new Int32Array(shared);
  for (let left = length; left > 0;) {
    const taken = Atomics.load(numbers, TAKEN);
    const there = bytesThere(numbers, taken);
    const start = (taken >>> 0) % CAPACITY;
    const size = Math.min(there, left, CAPACITY - start, CHUNK_BYTES);
    yield Buffer.from(data, start, size);
    left -= size;
    Atomics.add(numbers, TAKEN, size);
    Atomics.notify(numbers, TAKEN);
  }
}

/** Waits until there are some. */
function bytesThere(numbers: Int32Array<SharedArrayBuffer>, taken: number): number {
  for (;;) {
    const signal = Atomics.load(numbers, SIGNAL);
    const there = (Atomics.load(numbers, WRITTEN) - taken) | 0;
    if (there > 0) return there;
    if (Atomics.load(numbers, FAILED) === 1) throw new Error("a pipe was given up");
    Atomics.wait(numbers, SIGNAL, signal);
  }
}
