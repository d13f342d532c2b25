/** What is ordered by its key; of equal keys the smaller value comes first. */
export interface Keyed {
  readonly key: number;
  readonly value: number;
}

/** A priority queue, smallest key first. */
export class MinHeap<Entry extends Keyed> {
  readonly #entries: Entry[] = [];

  push(entry: Entry): void {
    const entries = this.#entries;
    let place = entries.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!isBefore(entry, entries[above] as Entry)) break;
      entries[place] = entries[above] as Entry;
      place = above;
    }
    entries[place] = entry;
  }

  pop(): Entry | undefined {
    const entries = this.#entries;
    const [top] = entries;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return top;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= entries.length) break;
      const right = entries[below + 1];
      if (right !== undefined && isBefore(right, entries[below] as Entry)) below++;
      if (!isBefore(entries[below] as Entry, last)) break;
      entries[place] = entries[below] as Entry;
      place = below;
    }
    entries[place] = last;
    return top;
  }
}

function isBefore(a: Keyed, b: Keyed): boolean {
  return a.key < b.key || (a.key === b.key && a.value < b.value);
}
