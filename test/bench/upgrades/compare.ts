import { planLayers, type ChangeHistory, type ClosureGraph, type LayeringStrategyName } from "@stowage/core";
import { sampledPlan } from "./sampled.ts";
import { historyFor, releases, type World } from "./worlds.ts";

/** The layerings, and one to compare with. */
export type Compared = LayeringStrategyName | "sampled";

export const strategies: readonly Compared[] = [
  "popularity",
  "auto",
  "single",
  "per-path",
  "sampled",
  "expected",
];

/** What the plans of all strategies send in one world, in bytes a release, in the mean. */
export interface Row {
  readonly graph: string;
  readonly world: string;
  readonly layers: number;
  /** The changed paths' own bytes: no plan sends less. */
  readonly lowerBound: number;
  readonly sent: Readonly<Record<LayeringStrategyName, number>> & { readonly sampled?: number };
}

export interface Campaign {
  readonly graphs: readonly { readonly name: string; readonly graph: ClosureGraph }[];
  readonly worlds: readonly World[];
  readonly limits: readonly number[];
  readonly releases: number;
  readonly seed: number;
}

/** Paths of the largest graph for which releases are sampled: with more it takes minutes. */
const MOST_SAMPLED = 1000;

/** What every layer adds to the manifest and the config, which every release sends. */
const DOCUMENT_BYTES = 512;

/** Runs every release of every world against the plans of every strategy. */
export function* runCampaign(campaign: Campaign): Generator<Row> {
  for (const { name, graph } of campaign.graphs) {
    const plan = planner(graph);
    for (const world of campaign.worlds) yield* compare(name, graph, world, campaign, plan);
  }
}

interface Carrier {
  readonly strategy: Compared;
  readonly layers: number;
  readonly layerOf: Uint32Array;
  readonly bytes: readonly number[];
}

function* compare(
  name: string,
  graph: ClosureGraph,
  world: World,
  { limits, releases: count, seed }: Campaign,
  plan: ReturnType<typeof planner>,
): Generator<Row> {
  const history = historyFor(graph, world, seed + 1);
  const tried = strategies.filter((strategy) => strategy !== "sampled" || graph.infos.length <= MOST_SAMPLED);
  const carriers = limits.flatMap((layers) => tried.map((strategy) => plan(strategy, layers, history)));
  const sent = carriers.map(({ bytes }) => count * DOCUMENT_BYTES * bytes.length);
  const sentIn = carriers.map(({ bytes }) => new Int32Array(bytes.length).fill(-1));
  let lowerBound = 0;
  let release = 0;
  for (const changed of releases(graph, world, count, seed)) {
    for (const [position, mark] of changed.entries()) {
      if (mark === 0) continue;
      lowerBound += narSizeAt(graph, position);
      for (const [index, { layerOf, bytes }] of carriers.entries()) {
        const layer = layerOf[position] as number;
        const last = sentIn[index] as Int32Array;
        if (last[layer] === release) continue;
        last[layer] = release;
        sent[index] = (sent[index] as number) + (bytes[layer] as number);
      }
    }
    release++;
  }
  for (const layers of limits) {
    const own = carriers.flatMap((carrier, index) =>
      carrier.layers === layers ? [[carrier.strategy, (sent[index] as number) / count]] : [],
    );
    yield {
      graph: name,
      world: world.name,
      layers,
      lowerBound: lowerBound / count,
      sent: Object.fromEntries(own) as Row["sent"],
    };
  }
}

/** Plans that are the same in several worlds are made once. */
function planner(
  graph: ClosureGraph,
): (strategy: Compared, layers: number, history: ChangeHistory | undefined) => Carrier {
  const known = new Map<string, Carrier>();
  return (strategy, layers, history) => {
    const usesHistory = strategy === "expected" && history !== undefined;
    const key = `${strategy} ${layers}`;
    const carrier = usesHistory ? undefined : known.get(key);
    if (carrier !== undefined) return carrier;
    const planned =
      strategy === "sampled"
        ? sampledPlan(graph, layers)
        : planLayers(graph, {
            strategy,
            maxLayers: layers + 1,
            otherLayers: 1,
            ...(strategy === "expected" ? { history } : {}),
          }).layers;
    const layerOf = new Uint32Array(graph.infos.length);
    for (const [index, paths] of planned.entries()) {
      for (const path of paths) layerOf[graph.positionOf(path) as number] = index;
    }
    const sizes = planned.map(() => 0);
    for (const [position, layer] of layerOf.entries()) {
      sizes[layer] = (sizes[layer] as number) + narSizeAt(graph, position);
    }
    const made = { strategy, layers, layerOf, bytes: sizes.map(layerBytes) };
    if (!usesHistory) known.set(key, made);
    return made;
  };
}

/** Bytes of a layer's tar: its paths, two directories and the end, filled up to blocks of 10 KiB. */
function layerBytes(narSize: number): number {
  return Math.ceil((narSize + 2048) / 10_240) * 10_240;
}

function narSizeAt(graph: ClosureGraph, position: number): number {
  return graph.infos[position]?.narSize ?? 0;
}
