import { CauseSets } from "./cause-sets.ts";
import type { ChangeModel } from "./change-model.ts";
import type { Cluster } from "./cluster.ts";
import { layerCost, likelihoodAt } from "./layer-cost.ts";

/** With whom a cluster merges cheapest. */
export interface Partner {
  readonly partner: number;
  readonly partnerVersion: number;
  /** What merging costs per release; negative where it saves. */
  readonly cost: number;
}

/** Sending a standing layer once more has to pay within this many releases. */
const HORIZON = 10;
const GONE = -1;

/** Clusters that merge, and the search for the best partner of one. */
export class Field {
  readonly #model: ChangeModel;
  readonly #causes: CauseSets;
  readonly #units: number[][];
  readonly #sizes: Float64Array;
  readonly #likelihoods: Float64Array;
  readonly #costs: Float64Array;
  /** What giving up each cluster costs per release. */
  readonly #standing: Float64Array;
  /** The clusters that are there, in no order. */
  readonly #active: number[];
  readonly #placeOf: Int32Array;
  /** Counts up whenever a cluster becomes another one. */
  readonly #versions: Int32Array;
  /** The clusters in the order of their likelihoods, as far as merging leaves it. */
  readonly #before: Int32Array;
  readonly #after: Int32Array;

  constructor(model: ChangeModel, start: readonly Cluster[]) {
    this.#model = model;
    this.#causes = new CauseSets(
      model,
      start.map(({ units }) => units),
    );
    this.#units = start.map(({ units }) => [...units]);
    this.#sizes = Float64Array.from(start, ({ units }) =>
      units.reduce((sum, unit) => sum + (model.sizes[unit] as number), 0),
    );
    this.#likelihoods = Float64Array.from(start, (_, index) => model.likelihood(this.#causes.weight(index)));
    this.#costs = this.#likelihoods.map((likelihood, index) =>
      layerCost(likelihood, this.#sizes[index] as number),
    );
    this.#standing = Float64Array.from(start, ({ standing }) => standing / HORIZON);
    this.#active = [...start.keys()];
    this.#placeOf = Int32Array.from(this.#active);
    this.#versions = new Int32Array(start.length);
    this.#before = new Int32Array(start.length).fill(GONE);
    this.#after = new Int32Array(start.length).fill(GONE);
    const byLikelihood = this.#active.toSorted(
      (a, b) => (this.#likelihoods[a] as number) - (this.#likelihoods[b] as number) || a - b,
    );
    for (const [place, index] of byLikelihood.entries()) {
      this.#before[index] = byLikelihood[place - 1] ?? GONE;
      this.#after[index] = byLikelihood[place + 1] ?? GONE;
    }
  }

  get count(): number {
    return this.#active.length;
  }

  get active(): readonly number[] {
    return this.#active;
  }

  isActive(index: number): boolean {
    return this.#placeOf[index] !== GONE;
  }

  versionOf(index: number): number {
    return this.#versions[index] as number;
  }

  clusters(): Cluster[] {
    return this.#active
      .toSorted((a, b) => a - b)
      .map((index) => ({
        units: this.#units[index] as number[],
        standing: (this.#standing[index] as number) * HORIZON,
      }));
  }

  /**
   * The cluster whose merging with this one costs least; undefined where there is none. A lower bound is tested first
   * (a union changes at least as often as either part), so that few unions are weighed.
   * @param options `standing`: whether standing clusters may be merged; `window`: how many of those that change about
   * as often are tried to either side, default all
   */
  findPartner(
    index: number,
    { standing, window }: { readonly standing: boolean; readonly window?: number },
  ): Partner | undefined {
    if (!standing && (this.#standing[index] as number) > 0) return undefined;
    const search = new Search();
    if (window === undefined) {
      for (const other of this.#active) if (other !== index) this.#try(search, index, other, standing);
    } else {
      this.#tryAlong(this.#before, search, index, standing, window);
      this.#tryAlong(this.#after, search, index, standing, window);
    }
    if (search.partner === GONE) return undefined;
    return { partner: search.partner, partnerVersion: this.versionOf(search.partner), cost: search.cost };
  }

  #tryAlong(next: Int32Array, search: Search, index: number, standing: boolean, window: number): void {
    let other = next[index] as number;
    for (let left = window; other !== GONE && left > 0; left--) {
      this.#try(search, index, other, standing);
      other = next[other] as number;
    }
  }

  #try(search: Search, index: number, other: number, standing: boolean): void {
    const givenUp = (this.#standing[index] as number) + (this.#standing[other] as number);
    if (!standing && givenUp > 0) return;
    const together = (this.#sizes[index] as number) + (this.#sizes[other] as number);
    const apart = (this.#costs[index] as number) + (this.#costs[other] as number) - givenUp;
    const least = Math.max(this.#likelihoods[index] as number, this.#likelihoods[other] as number);
    if (layerCost(least, together) - apart >= search.cost) return;
    const enough = this.#model.weightFor(likelihoodAt(search.cost + apart, together));
    const weight = this.#causes.weightOfBoth(index, other, enough);
    if (weight > enough) return;
    const cost = layerCost(this.#model.likelihood(weight), together) - apart;
    if (cost >= search.cost) return;
    search.cost = cost;
    search.partner = other;
  }

  merge(kept: number, gone: number): void {
    const isMoreLikely = (this.#likelihoods[gone] as number) > (this.#likelihoods[kept] as number);
    this.#causes.unite(kept, gone);
    this.#units[kept]?.push(...(this.#units[gone] as number[]));
    this.#sizes[kept] = (this.#sizes[kept] as number) + (this.#sizes[gone] as number);
    this.#likelihoods[kept] = this.#model.likelihood(this.#causes.weight(kept));
    this.#costs[kept] = layerCost(this.#likelihoods[kept], this.#sizes[kept]);
    this.#standing[kept] = 0;
    this.#versions[kept] = (this.#versions[kept] as number) + 1;
    this.#versions[gone] = GONE;
    const place = this.#placeOf[gone] as number;
    const last = this.#active.pop() as number;
    if (last !== gone) {
      this.#active[place] = last;
      this.#placeOf[last] = place;
    }
    this.#placeOf[gone] = GONE;
    this.#leave(isMoreLikely ? kept : gone);
    if (isMoreLikely) this.#takePlace(kept, gone);
  }

  #leave(index: number): void {
    this.#link(this.#before[index] as number, this.#after[index] as number);
  }

  #takePlace(index: number, of: number): void {
    const [before, after] = [this.#before[of] as number, this.#after[of] as number];
    this.#link(before, index);
    this.#link(index, after);
  }

  #link(before: number, after: number): void {
    if (before !== GONE) this.#after[before] = after;
    if (after !== GONE) this.#before[after] = before;
  }
}

class Search {
  partner: number = GONE;
  cost: number = Number.POSITIVE_INFINITY;
}
