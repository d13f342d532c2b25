export const PAGE_SIZE = 4096;

/** The pages of a file after the first, which is written last: it says where the others are. */
export class Pages {
  readonly #pages: Buffer[] = [];

  /** The number of all pages, the first counted. */
  get count(): number {
    return this.#pages.length + 1;
  }

  /** Appends a page; returns its number. */
  add(page: Buffer): number {
    this.#pages.push(page);
    return this.count;
  }

  /** The file: the first page, and all others. */
  join(first: Buffer): Buffer {
    return Buffer.concat([first, ...this.#pages]);
  }
}
