import type { TreeEntryHead } from "../tree/tree.ts";

/** Whose contents a stream has next: they can be read once, and only until another entry is asked for. */
export class ContentsTurn {
  #last: TreeEntryHead | undefined;
  #taken = false;

  /** An entry came; the turn of the one before is over. */
  begin(entry: TreeEntryHead): void {
    this.#last = entry;
    this.#taken = false;
  }

  /** Somebody starts to read an entry's contents. */
  take(entry: TreeEntryHead): void {
    this.check(entry);
    if (this.#taken) throw new Error("a stream's contents can be read only once");
    this.#taken = true;
  }

  /** Somebody goes on reading them. */
  check(entry: TreeEntryHead): void {
    if (this.#last !== entry) throw new Error("a stream's contents must be read before the next entry");
  }
}
