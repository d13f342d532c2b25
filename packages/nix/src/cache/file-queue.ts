import { EarlyBytes, WaitingRoom } from "./early-bytes.ts";

/** How many files come before their turn. */
const FILES_AHEAD = 6;
/** Bytes of them that wait in memory, all together. */
const WAITING_BYTES = 32 * 1024 * 1024;

/** Opens a file. */
export type OpenFile = (signal: AbortSignal | undefined) => AsyncIterable<Uint8Array>;

interface Expected {
  readonly name: string;
  readonly open: OpenFile;
  readonly signal: AbortSignal | undefined;
}

/**
 * Files in the order in which they will be wanted: while one is read those behind it begin to come, so that nobody waits for
 * an answer at each. What is wanted is there or comes at once, whether anybody expected it or not.
 */
export class FileQueue {
  readonly #room = new WaitingRoom(WAITING_BYTES);
  readonly #begun = new Map<string, EarlyBytes>();
  #expected: Expected[] = [];

  /** Says what will be wanted next. @param signal gives up what was not wanted by then */
  expect(name: string, open: OpenFile, signal: AbortSignal | undefined): void {
    const isKnown = this.#begun.has(name) || this.#expected.some((each) => each.name === name);
    if (isKnown || signal?.aborted) return;
    this.#expected.push({ name, open, signal });
    signal?.addEventListener("abort", () => this.#forget(name), { once: true });
    this.#begin();
  }

  /** The file, from its start. */
  take(name: string, open: OpenFile, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
    const begun = this.#begun.get(name);
    this.#forget(name);
    this.#begin();
    return begun ?? new EarlyBytes(open(signal), this.#room, signal);
  }

  #forget(name: string): void {
    this.#begun.delete(name);
    this.#expected = this.#expected.filter((each) => each.name !== name);
  }

  #begin(): void {
    while (this.#begun.size < FILES_AHEAD) {
      const next = this.#expected.shift();
      if (next === undefined) return;
      const { name, open, signal } = next;
      this.#begun.set(name, new EarlyBytes(open(signal), this.#room, signal));
    }
  }
}
