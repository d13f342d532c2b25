import type { OpenTrees, StorePath, TreeLocation } from "@stowage/nix";

/** Trees that are opened before their turn: one comes from far away while another is read, and few of them wait at a time. */
const AHEAD = 2;

/** Trees that are read one after another, each opened for as long as it is read. */
export class OpenAhead implements AsyncDisposable {
  readonly #paths: readonly StorePath[];
  readonly #open: (path: StorePath, ending: AbortSignal) => Promise<OpenTrees>;
  readonly #ending = new AbortController();
  readonly #opened = new Map<number, Promise<OpenTrees>>();
  #next = 0;

  /** @param open is told when nobody wants a tree any more */
  constructor(
    paths: readonly StorePath[],
    open: (path: StorePath, ending: AbortSignal) => Promise<OpenTrees>,
  ) {
    this.#paths = paths;
    this.#open = open;
  }

  /**
   * Where a tree is read until it is closed.
   * @param index its position; they come in order
   * @throws what opening it throws
   */
  async locate(index: number): Promise<TreeLocation> {
    while (this.#next <= index + AHEAD && this.#next < this.#paths.length) {
      const opening = this.#open(this.#paths[this.#next] as StorePath, this.#ending.signal);
      // Whoever wants it is told.
      opening.catch(() => {});
      this.#opened.set(this.#next++, opening);
    }
    const opened = await (this.#opened.get(index) as Promise<OpenTrees>);
    return opened.locate(this.#paths[index] as StorePath);
  }

  async close(index: number): Promise<void> {
    const opened = this.#opened.get(index);
    this.#opened.delete(index);
    await (await opened)?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    const opened = await Promise.allSettled(this.#opened.values());
    this.#opened.clear();
    for (const each of opened) if (each.status === "fulfilled") await each.value[Symbol.asyncDispose]();
  }
}
