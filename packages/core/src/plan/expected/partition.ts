import type { ChangeModel } from "./change-model.ts";
import type { Cluster } from "./cluster.ts";
import { layerCost, likelihoodAt } from "./layer-cost.ts";

/** Moves that gain less than this many bytes are noise of rounding. */
const LEAST_GAIN = 1e-3;

/** Clusters between which single units move: for each how often it has each cause. */
export class Partition {
  readonly #model: ChangeModel;
  readonly #causes: number;
  readonly #limit: number;
  readonly #clusterOf: Int32Array;
  readonly #members: Set<number>[];
  readonly #counts: Uint16Array[];
  readonly #sizes: number[];
  readonly #weights: number[];
  readonly #likelihoods: number[];
  readonly #costs: number[];
  readonly #standing: number[];

  constructor(model: ChangeModel, clusters: readonly Cluster[], limit: number) {
    this.#model = model;
    this.#causes = model.weights.length;
    this.#limit = limit;
    this.#clusterOf = new Int32Array(model.units.length).fill(-1);
    this.#members = clusters.map(({ units }) => new Set(units));
    this.#standing = clusters.map(({ standing }) => standing);
    this.#counts = clusters.map(() => new Uint16Array(this.#causes));
    this.#sizes = clusters.map(() => 0);
    this.#weights = clusters.map(() => 0);
    this.#likelihoods = clusters.map(() => 0);
    this.#costs = clusters.map(() => 0);
    for (const [index, { units }] of clusters.entries()) {
      for (const unit of units) this.#clusterOf[unit] = index;
      this.#renew(index);
    }
  }

  clusters(): Cluster[] {
    return this.#members.flatMap((members, index) =>
      members.size === 0 ? [] : [{ units: [...members], standing: this.#standing[index] as number }],
    );
  }

  get cost(): number {
    return this.#costs.reduce((sum, cost) => sum + cost, 0);
  }

  /** Moves each unit that costs less elsewhere, those first that overpay most. Returns whether any moved. */
  sweep(): boolean {
    const overpaid = this.#model.sizes.map((size, unit) => {
      const cluster = this.#clusterOf[unit] as number;
      return (this.#likelihoods[cluster] as number) * size;
    });
    const order = [...this.#clusterOf.keys()].toSorted(
      (a, b) => (overpaid[b] as number) - (overpaid[a] as number) || a - b,
    );
    let moved = false;
    for (const unit of order) if (this.#moveIfCheaper(unit)) moved = true;
    return moved;
  }

  #moveIfCheaper(unit: number): boolean {
    const from = this.#clusterOf[unit] as number;
    if ((this.#standing[from] as number) > 0) return false;
    // What leaving saves is the most that arriving may cost.
    const gain = (this.#costs[from] as number) - this.#costWithout(from, unit) - LEAST_GAIN;
    if (gain <= 0) return false;
    let best = gain;
    let to = -1;
    for (const index of this.#members.keys()) {
      if (index === from || (this.#standing[index] as number) > 0) continue;
      if ((this.#members[index] as Set<number>).size === 0) continue;
      const cost = this.#costOfAdding(index, unit, best);
      if (cost >= best) continue;
      best = cost;
      to = index;
    }
    const mayStandAlone = this.#count < this.#limit && (this.#members[from] as Set<number>).size > 1;
    if (mayStandAlone && this.#costAlone(unit) < best) to = this.#newCluster();
    if (to === -1) return false;
    this.#move(unit, from, to);
    return true;
  }

  get #count(): number {
    return this.#members.reduce((count, members) => count + (members.size > 0 ? 1 : 0), 0);
  }

  #costAlone(unit: number): number {
    let weight = 0;
    for (const cause of this.#model.causes[unit] as Uint32Array)
      weight += this.#model.weights[cause] as number;
    return layerCost(this.#model.likelihood(weight), this.#model.sizes[unit] as number);
  }

  #costWithout(cluster: number, unit: number): number {
    if ((this.#members[cluster] as Set<number>).size === 1) return 0;
    const counts = this.#counts[cluster] as Uint16Array;
    let gone = 0;
    for (const cause of this.#model.causes[unit] as Uint32Array) {
      if (counts[cause] === 1) gone += this.#model.weights[cause] as number;
    }
    const weight = Math.max(0, (this.#weights[cluster] as number) - gone);
    const size = (this.#sizes[cluster] as number) - (this.#model.sizes[unit] as number);
    return layerCost(this.#model.likelihood(weight), size);
  }

  /** What a cluster costs more with a unit in it; something of `enough` or more once it is that. */
  #costOfAdding(cluster: number, unit: number, enough: number): number {
    const size = (this.#sizes[cluster] as number) + (this.#model.sizes[unit] as number);
    const before = this.#costs[cluster] as number;
    if (layerCost(this.#likelihoods[cluster] as number, size) - before >= enough) return enough;
    const counts = this.#counts[cluster] as Uint16Array;
    const most = this.#model.weightFor(likelihoodAt(enough + before, size));
    const causes = this.#model.causes[unit] as Uint32Array;
    let weight = this.#weights[cluster] as number;
    for (let index = causes.length - 1; index >= 0; index--) {
      const cause = causes[index] as number;
      if (counts[cause] !== 0) continue;
      weight += this.#model.weights[cause] as number;
      if (weight > most) return enough;
    }
    return layerCost(this.#model.likelihood(weight), size) - before;
  }

  #newCluster(): number {
    const empty = this.#members.findIndex((members) => members.size === 0);
    if (empty !== -1) return empty;
    this.#counts.push(new Uint16Array(this.#causes));
    for (const list of [this.#sizes, this.#weights, this.#likelihoods, this.#costs, this.#standing])
      list.push(0);
    return this.#members.push(new Set()) - 1;
  }

  #move(unit: number, from: number, to: number): void {
    this.#members[from]?.delete(unit);
    this.#members[to]?.add(unit);
    this.#clusterOf[unit] = to;
    this.#renewAfter(from, unit, -1);
    this.#renewAfter(to, unit, 1);
  }

  #renewAfter(index: number, unit: number, step: 1 | -1): void {
    const counts = this.#counts[index] as Uint16Array;
    for (const cause of this.#model.causes[unit] as Uint32Array)
      counts[cause] = (counts[cause] as number) + step;
    this.#sizes[index] = (this.#sizes[index] as number) + step * (this.#model.sizes[unit] as number);
    this.#weigh(index);
  }

  #renew(index: number): void {
    const counts = this.#counts[index] as Uint16Array;
    let size = 0;
    for (const unit of this.#members[index] as Set<number>) {
      size += this.#model.sizes[unit] as number;
      for (const cause of this.#model.causes[unit] as Uint32Array)
        counts[cause] = (counts[cause] as number) + 1;
    }
    this.#sizes[index] = size;
    this.#weigh(index);
  }

  #weigh(index: number): void {
    const counts = this.#counts[index] as Uint16Array;
    const { weights, likelihood } = this.#model;
    let weight = 0;
    for (let cause = 0; cause < counts.length; cause++) {
      if (counts[cause] !== 0) weight += weights[cause] as number;
    }
    this.#weights[index] = weight;
    this.#likelihoods[index] = likelihood(weight);
    const isEmpty = (this.#members[index] as Set<number>).size === 0;
    this.#costs[index] = isEmpty ? 0 : layerCost(this.#likelihoods[index], this.#sizes[index] as number);
  }
}
