import type { ChangeModel } from "./change-model.ts";

/** For each group of units the packages that change it, as bits and as a list. Groups can be united. */
export class CauseSets {
  readonly #weights: Float64Array;
  readonly #bytes: number;
  readonly #bits: Uint8Array;
  /** Descending: what changes the fewest units, and so is most likely missing in another group, comes first. */
  readonly #lists: Uint32Array[] = [];
  readonly #totals: Float64Array;

  constructor({ causes, weights }: ChangeModel, groups: readonly (readonly number[])[]) {
    this.#weights = weights;
    this.#bytes = Math.ceil(weights.length / 8);
    this.#bits = new Uint8Array(groups.length * this.#bytes);
    this.#totals = new Float64Array(groups.length);
    for (const [group, units] of groups.entries()) {
      for (const unit of units) for (const cause of causes[unit] as Uint32Array) this.#mark(group, cause);
      this.#renew(group);
    }
  }

  /** The summed weights of all that changes a group. */
  weight(group: number): number {
    return this.#totals[group] as number;
  }

  /** The summed weights of all that changes either of two groups, or something above `enough` once it is that. */
  weightOfBoth(one: number, other: number, enough: number): number {
    const isLonger = (this.#lists[one] as Uint32Array).length > (this.#lists[other] as Uint32Array).length;
    const [short, long] = isLonger ? [other, one] : [one, other];
    const weights = this.#weights;
    const bits = this.#bits;
    const start = long * this.#bytes;
    let sum = this.#totals[long] as number;
    for (const cause of this.#lists[short] as Uint32Array) {
      if (((bits[start + (cause >>> 3)] as number) & (1 << (cause & 7))) !== 0) continue;
      sum += weights[cause] as number;
      if (sum > enough) return sum;
    }
    return sum;
  }

  /** Makes one group the union of both. */
  unite(one: number, other: number): void {
    for (const cause of this.#lists[other] as Uint32Array) this.#mark(one, cause);
    this.#renew(one);
  }

  #mark(group: number, cause: number): void {
    const place = group * this.#bytes + (cause >>> 3);
    this.#bits[place] = (this.#bits[place] as number) | (1 << (cause & 7));
  }

  #renew(group: number): void {
    const list: number[] = [];
    let total = 0;
    const start = group * this.#bytes;
    for (let byte = this.#bytes - 1; byte >= 0; byte--) {
      const value = this.#bits[start + byte] as number;
      if (value === 0) continue;
      for (let lane = 7; lane >= 0; lane--) {
        if ((value & (1 << lane)) === 0) continue;
        list.push(byte * 8 + lane);
        total += this.#weights[byte * 8 + lane] as number;
      }
    }
    this.#lists[group] = Uint32Array.from(list);
    this.#totals[group] = total;
  }
}
