/** Items handed over in order between what makes them and what takes them. */
export class Queue<T> {
  readonly #items: T[];
  readonly #takers: PromiseWithResolvers<T>[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(items: readonly T[] = []) {
    this.#items = [...items];
  }

  put(item: T): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#items.push(item);
    else taker.resolve(item);
  }

  /** The next item, once there is one. */
  async take(): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#items.length > 0) return this.#items.shift() as T;
    const taker = Promise.withResolvers<T>();
    this.#takers.push(taker);
    return taker.promise;
  }

  /** Nothing can be taken any more: everybody who waits or comes gets the error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const taker of this.#takers.splice(0)) taker.reject(this.#failure.error);
  }
}
