import type { ClosureGraph } from "@stowage/core";
import type { StorePath } from "@stowage/nix";
import { Random } from "./random.ts";
import { withDependents } from "./worlds.ts";

const SAMPLES = 512;
const WORDS = SAMPLES / 32;
/** How often each package changes by itself. */
const RATE = 0.01;

interface Group {
  readonly paths: StorePath[];
  readonly size: number;
  /** One bit for each sampled release. */
  readonly signature: Uint32Array;
}

/**
 * The simplest planner of this kind, to compare with: releases are sampled in which each path changes at one rate and
 * the roots always, paths that change in the same ones are grouped, and the cheapest pair is merged until the limit.
 * It knows the very rate that "dependency bumps" has in the mean.
 */
export function sampledPlan(graph: ClosureGraph, limit: number): StorePath[][] {
  let groups = grouped(graph, signatures(graph));
  const cost = (a: Group, b: Group): number =>
    likelihood(a.signature, b.signature) * (a.size + b.size) -
    likelihood(a.signature) * a.size -
    likelihood(b.signature) * b.size;
  const partnerOf = (group: Group): { partner: Group; cost: number } | undefined => {
    let best: { partner: Group; cost: number } | undefined;
    for (const partner of groups) {
      if (partner === group) continue;
      const added = cost(group, partner);
      if (best === undefined || added < best.cost) best = { partner, cost: added };
    }
    return best;
  };
  const partners = new Map(groups.map((group) => [group, partnerOf(group)]));
  while (groups.length > limit) {
    const [one, found] = [...partners].reduce((a, b) =>
      (b[1]?.cost ?? Infinity) < (a[1]?.cost ?? Infinity) ? b : a,
    );
    if (found === undefined) break;
    const other = found.partner;
    const merged: Group = {
      paths: [...one.paths, ...other.paths],
      size: one.size + other.size,
      signature: one.signature.map((word, index) => word | (other.signature[index] as number)),
    };
    groups = [...groups.filter((group) => group !== one && group !== other), merged];
    partners.delete(one);
    partners.delete(other);
    for (const [group, known] of partners) {
      if (known?.partner === one || known?.partner === other) partners.set(group, partnerOf(group));
      else {
        const added = cost(group, merged);
        if (known === undefined || added < known.cost) partners.set(group, { partner: merged, cost: added });
      }
    }
    partners.set(merged, partnerOf(merged));
  }
  return groups.map(({ paths }) => paths);
}

function signatures(graph: ClosureGraph): Uint32Array[] {
  const random = new Random(11);
  const made = graph.infos.map(() => new Uint32Array(WORDS));
  for (let sample = 0; sample < SAMPLES; sample++) {
    const own = [...graph.infos.keys()].filter(
      (position) => graph.roots.includes(position) || random.happens(RATE),
    );
    for (const [position, mark] of withDependents(graph, own).entries()) {
      const words = made[position] as Uint32Array;
      if (mark === 1) words[sample >>> 5] = (words[sample >>> 5] as number) | (1 << (sample & 31));
    }
  }
  return made;
}

function grouped(graph: ClosureGraph, made: readonly Uint32Array[]): Group[] {
  const alike = Map.groupBy(graph.infos.keys(), (position) => (made[position] as Uint32Array).join());
  return [...alike.values()].map((positions) => ({
    paths: positions.flatMap((position) => graph.infos[position]?.path ?? []),
    size: positions.reduce((sum, position) => sum + (graph.infos[position]?.narSize ?? 0), 0),
    signature: made[positions[0] as number] as Uint32Array,
  }));
}

function likelihood(one: Uint32Array, other: Uint32Array = one): number {
  let bits = 0;
  for (const [index, word] of one.entries()) bits += bitCount(word | (other[index] as number));
  return bits / SAMPLES;
}

function bitCount(word: number): number {
  let bits = word - ((word >>> 1) & 0x55_55_55_55);
  bits = (bits & 0x33_33_33_33) + ((bits >>> 2) & 0x33_33_33_33);
  return Math.imul((bits + (bits >>> 4)) & 0x0f_0f_0f_0f, 0x01_01_01_01) >>> 24;
}
