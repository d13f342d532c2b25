import type { ChangeModel } from "./change-model.ts";
import type { Cluster } from "./cluster.ts";
import { layerCost, likelihoodAt } from "./layer-cost.ts";

/** Moves that gain less than this many bytes are noise of rounding. */
const LEAST_GAIN = 1e-3;

/**
 * Clusters between which single units move: for each how often it has each cause. A unit that found nothing cheaper looks
 * again only at what changed since: costs follow from members alone.
 */
export class Partition {
  readonly #model: ChangeModel;
  readonly #causes: number;
  readonly #limit: number;
  readonly #clusterOf: Int32Array;
  readonly #members: number[][];
  /** How many clusters are not empty. */
  #count: number;
  /** For each cluster how many of its units each cause changes, one cluster after another. */
  readonly #counts: Uint16Array;
  readonly #sizes: Float64Array;
  readonly #weights: Float64Array;
  readonly #likelihoods: Float64Array;
  readonly #costs: Float64Array;
  readonly #standing: Float64Array;
  /** How many moves there were when each cluster last changed, and when each unit last found nothing cheaper. */
  readonly #changedAt: Int32Array;
  readonly #checkedAt: Int32Array;
  #moves = 1;

  /** @param settled clusters between which no unit has anywhere cheaper to go */
  constructor(
    model: ChangeModel,
    clusters: readonly Cluster[],
    { limit, settled }: { readonly limit: number; readonly settled: ReadonlySet<Cluster> },
  ) {
    const room = Math.max(clusters.length, limit);
    this.#model = model;
    this.#causes = model.weights.length;
    this.#limit = limit;
    this.#clusterOf = new Int32Array(model.units.length).fill(-1);
    this.#members = clusters.map(({ units }) => [...units]);
    this.#count = clusters.filter(({ units }) => units.length > 0).length;
    this.#counts = new Uint16Array(room * this.#causes);
    this.#sizes = new Float64Array(room);
    this.#weights = new Float64Array(room);
    this.#likelihoods = new Float64Array(room);
    this.#costs = new Float64Array(room);
    this.#standing = new Float64Array(room);
    this.#changedAt = new Int32Array(room).fill(1);
    this.#checkedAt = new Int32Array(model.units.length);
    for (const [index, cluster] of clusters.entries()) {
      this.#standing[index] = cluster.standing;
      if (settled.has(cluster)) this.#changedAt[index] = 0;
      for (const unit of cluster.units) this.#clusterOf[unit] = index;
      this.#renew(index);
    }
  }

  clusters(): Cluster[] {
    return this.#members.flatMap((members, index) =>
      members.length === 0 ? [] : [{ units: members, standing: this.#standing[index] as number }],
    );
  }

  get cost(): number {
    let sum = 0;
    for (let index = 0; index < this.#members.length; index++) sum += this.#costs[index] as number;
    return sum;
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
    const checked = this.#checkedAt[unit] as number;
    const since = (this.#changedAt[from] as number) > checked ? -1 : checked;
    this.#checkedAt[unit] = this.#moves;
    const mayStandAlone = this.#count < this.#limit && (this.#members[from] as number[]).length > 1;
    if (since === this.#moves && !mayStandAlone) return false;
    // What leaving saves is the most that arriving may cost.
    const gain = (this.#costs[from] as number) - this.#costWithout(from, unit) - LEAST_GAIN;
    if (gain <= 0) return false;
    let best = gain;
    let to = -1;
    for (let index = 0; index < this.#members.length; index++) {
      if ((this.#changedAt[index] as number) <= since) continue;
      if (index === from || (this.#standing[index] as number) > 0) continue;
      if ((this.#members[index] as number[]).length === 0) continue;
      const cost = this.#costOfAdding(index, unit, best);
      if (cost >= best) continue;
      best = cost;
      to = index;
    }
    if (mayStandAlone && this.#costAlone(unit) < best) to = this.#newCluster();
    if (to === -1) return false;
    this.#move(unit, from, to);
    return true;
  }

  #costAlone(unit: number): number {
    let weight = 0;
    for (const cause of this.#model.causes[unit] as Uint32Array)
      weight += this.#model.weights[cause] as number;
    return layerCost(this.#model.likelihood(weight), this.#model.sizes[unit] as number);
  }

  #costWithout(cluster: number, unit: number): number {
    if ((this.#members[cluster] as number[]).length === 1) return 0;
    const start = cluster * this.#causes;
    let gone = 0;
    for (const cause of this.#model.causes[unit] as Uint32Array) {
      if (this.#counts[start + cause] === 1) gone += this.#model.weights[cause] as number;
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
    const start = cluster * this.#causes;
    const most = this.#model.weightFor(likelihoodAt(enough + before, size));
    const causes = this.#model.causes[unit] as Uint32Array;
    let weight = this.#weights[cluster] as number;
    for (let index = causes.length - 1; index >= 0; index--) {
      const cause = causes[index] as number;
      if (this.#counts[start + cause] !== 0) continue;
      weight += this.#model.weights[cause] as number;
      if (weight > most) return enough;
    }
    return layerCost(this.#model.likelihood(weight), size) - before;
  }

  /** An empty cluster; there is room, as there are fewer than the limit. */
  #newCluster(): number {
    const empty = this.#members.findIndex((members) => members.length === 0);
    return empty === -1 ? this.#members.push([]) - 1 : empty;
  }

  #move(unit: number, from: number, to: number): void {
    const left = this.#members[from] as number[];
    left.splice(left.indexOf(unit), 1);
    if (left.length === 0) this.#count--;
    const arrived = this.#members[to] as number[];
    if (arrived.length === 0) this.#count++;
    arrived.push(unit);
    this.#clusterOf[unit] = to;
    this.#renewAfter(from, unit, -1);
    this.#renewAfter(to, unit, 1);
    this.#moves++;
    this.#changedAt[from] = this.#moves;
    this.#changedAt[to] = this.#moves;
  }

  #renewAfter(index: number, unit: number, step: 1 | -1): void {
    const start = index * this.#causes;
    for (const cause of this.#model.causes[unit] as Uint32Array)
      this.#counts[start + cause] = (this.#counts[start + cause] as number) + step;
    this.#sizes[index] = (this.#sizes[index] as number) + step * (this.#model.sizes[unit] as number);
    this.#weigh(index);
  }

  #renew(index: number): void {
    const start = index * this.#causes;
    let size = 0;
    for (const unit of this.#members[index] as number[]) {
      size += this.#model.sizes[unit] as number;
      for (const cause of this.#model.causes[unit] as Uint32Array)
        this.#counts[start + cause] = (this.#counts[start + cause] as number) + 1;
    }
    this.#sizes[index] = size;
    this.#weigh(index);
  }

  #weigh(index: number): void {
    const start = index * this.#causes;
    const { weights, likelihood } = this.#model;
    let weight = 0;
    for (let cause = 0; cause < this.#causes; cause++) {
      if (this.#counts[start + cause] !== 0) weight += weights[cause] as number;
    }
    this.#weights[index] = weight;
    const likely = likelihood(weight);
    this.#likelihoods[index] = likely;
    const isEmpty = (this.#members[index] as number[]).length === 0;
    this.#costs[index] = isEmpty ? 0 : layerCost(likely, this.#sizes[index] as number);
  }
}
