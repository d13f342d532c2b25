/** How many bytes may wait in memory, whosever they are. */
export class WaitingRoom {
  #free: number;
  #wake: (() => void)[] = [];

  constructor(bytes: number) {
    this.#free = bytes;
  }

  get hasRoom(): boolean {
    return this.#free > 0;
  }

  enter(bytes: number): void {
    this.#free -= bytes;
  }

  leave(bytes: number): void {
    this.#free += bytes;
    if (!this.hasRoom) return;
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Calls once when there may be room. */
  whenRoom(wake: () => void): void {
    this.#wake.push(wake);
  }
}

/**
 * Bytes that are asked for before anybody takes them, as far as there is room for them to wait; whoever takes them needs no
 * room. A failure is told to who takes them.
 */
export class EarlyBytes implements AsyncIterable<Uint8Array> {
  readonly #room: WaitingRoom;
  readonly #signal: AbortSignal | undefined;
  readonly #chunks: Uint8Array[] = [];
  #failure: { readonly error: unknown } | undefined;
  #isOver = false;
  #isWanted = false;
  #isLeft = false;
  #wakeReader = (): void => {};
  #wakeTaker = (): void => {};

  /** Begins at once. @param signal gives up what was not taken, whether anybody takes it or not */
  constructor(input: AsyncIterable<Uint8Array>, room: WaitingRoom, signal: AbortSignal | undefined) {
    this.#room = room;
    this.#signal = signal;
    void this.#read(input);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#room.leave(chunk.length);
          yield chunk;
          continue;
        }
        this.#signal?.throwIfAborted();
        if (this.#failure !== undefined) throw this.#failure.error;
        if (this.#isOver) return;
        this.#isWanted = true;
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wakeTaker = resolve;
        this.#wakeReader();
        await promise;
        this.#isWanted = false;
      }
    } finally {
      this.#leave();
    }
  }

  async #read(input: AsyncIterable<Uint8Array>): Promise<void> {
    const leave = (): void => this.#leave();
    this.#signal?.addEventListener("abort", leave, { once: true });
    try {
      for await (const chunk of input) {
        if (this.#isLeft) break;
        this.#chunks.push(chunk);
        this.#room.enter(chunk.length);
        this.#wakeTaker();
        await this.#turn();
        if (this.#isLeft) break;
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#isOver = true;
      this.#wakeTaker();
      this.#signal?.removeEventListener("abort", leave);
    }
  }

  /** Waits until the next chunk may come. */
  async #turn(): Promise<void> {
    while (!this.#isLeft && !this.#room.hasRoom && !(this.#isWanted && this.#chunks.length === 0)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wakeReader = resolve;
      this.#room.whenRoom(resolve);
      await promise;
    }
  }

  /** Nobody takes what is left. */
  #leave(): void {
    this.#isLeft = true;
    for (const chunk of this.#chunks.splice(0)) this.#room.leave(chunk.length);
    this.#wakeReader();
    this.#wakeTaker();
  }
}
