import type { ChangeModel } from "./change-model.ts";

const WORD = 32;

/**
 * For each group of units the packages that change it, a bit for each. Groups can be united.
 *
 * Weights are always added from the last package to the first, so that equal sets weigh the same to the last bit.
 */
export class CauseSets {
  readonly #weights: Float64Array;
  /** How many words a group's bits have. */
  readonly #words: number;
  readonly #bits: Int32Array;
  /** How many packages change each group, and what they weigh. */
  readonly #counts: Uint32Array;
  readonly #totals: Float64Array;

  constructor({ causes, weights }: ChangeModel, groups: readonly (readonly number[])[]) {
    this.#weights = weights;
    this.#words = Math.ceil(weights.length / WORD);
    this.#bits = new Int32Array(groups.length * this.#words);
    this.#counts = new Uint32Array(groups.length);
    this.#totals = new Float64Array(groups.length);
    for (const [group, units] of groups.entries()) {
      const start = group * this.#words;
      for (const unit of units) {
        for (const cause of causes[unit] as Uint32Array) {
          const word = start + (cause >>> 5);
          this.#bits[word] = (this.#bits[word] as number) | (1 << (cause & 31));
        }
      }
      this.#renew(group);
    }
  }

  /** The summed weights of all that changes a group. */
  weight(group: number): number {
    return this.#totals[group] as number;
  }

  /**
   * The summed weights of all that changes either of two groups, or something above `enough` once it is that. What changes the
   * fewest units, and so is most likely missing in the other group, is added first.
   */
  weightOfBoth(one: number, other: number, enough: number): number {
    const isLarger = (this.#counts[one] as number) > (this.#counts[other] as number);
    const [small, large] = isLarger ? [other, one] : [one, other];
    const weights = this.#weights;
    const bits = this.#bits;
    const inSmall = small * this.#words;
    const inLarge = large * this.#words;
    let sum = this.#totals[large] as number;
    for (let word = this.#words - 1; word >= 0; word--) {
      let missing = (bits[inSmall + word] as number) & ~(bits[inLarge + word] as number);
      while (missing !== 0) {
        const lane = WORD - 1 - Math.clz32(missing);
        missing ^= 1 << lane;
        sum += weights[word * WORD + lane] as number;
        if (sum > enough) return sum;
      }
    }
    return sum;
  }

  /** Makes one group the union of both. */
  unite(one: number, other: number): void {
    const bits = this.#bits;
    const to = one * this.#words;
    const from = other * this.#words;
    for (let word = 0; word < this.#words; word++)
      bits[to + word] = (bits[to + word] as number) | (bits[from + word] as number);
    this.#renew(one);
  }

  #renew(group: number): void {
    let count = 0;
    let total = 0;
    const start = group * this.#words;
    for (let word = this.#words - 1; word >= 0; word--) {
      let left = this.#bits[start + word] as number;
      while (left !== 0) {
        const lane = WORD - 1 - Math.clz32(left);
        left ^= 1 << lane;
        count++;
        total += this.#weights[word * WORD + lane] as number;
      }
    }
    this.#counts[group] = count;
    this.#totals[group] = total;
  }
}
