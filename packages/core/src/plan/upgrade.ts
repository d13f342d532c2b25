import type { StorePath } from "@stowage/nix";
import { diffClosures, type ChangeKind } from "../analyze/diff.ts";
import { packageReader } from "../analyze/package-of.ts";
import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import { reachable } from "../graph/traverse.ts";
import type { PlannedLayer } from "./describe-plan.ts";
import type { Earlier, EarlierLayer } from "./earlier.ts";
import { isOtherIn, ownChanges } from "./own-changes.ts";

/** What an upgrade from an earlier image sends; sizes in bytes. */
export interface Upgrade {
  /** The word that named the earlier image. */
  readonly from: string;
  readonly sent: {
    /** Numbers of the layers, from 0 at the bottom. */
    readonly layers: readonly number[];
    readonly size: number;
    /** Bytes of NAR of the paths that changed: no layers could send less. */
    readonly changedNarSize: number;
    /** Bytes of NAR of paths that did not change and are sent because they share a layer with one that did. */
    readonly draggedNarSize: number;
  };
  readonly kept: { readonly layers: number; readonly size: number };
  /** The packages to blame: those that changed by themselves, what they make change most first. */
  readonly causes: readonly UpgradeCause[];
}

/** Why a layer is sent again. */
export interface UpgradeCause {
  readonly name: string;
  readonly kind: ChangeKind;
  readonly versionsBefore: readonly string[];
  readonly versionsAfter: readonly string[];
  /** Paths that changed because this package did, its own among them. One may have several causes. */
  readonly paths: number;
  readonly narSize: number;
}

export interface EarlierLayers extends Pick<Earlier, "word" | "isForeign"> {
  readonly graph: ClosureGraph;
  readonly layers: readonly EarlierLayer[];
}

/**
 * Whether an earlier layer can be kept, as far as its paths that are still in the closure go: they have the contents they
 * had. A layer of another program is other bytes in any case. Without the earlier closure nobody knows the contents.
 */
export function mayStand(
  graph: ClosureGraph,
  { paths }: EarlierLayer,
  earlier: Pick<Earlier, "graph" | "isForeign">,
): boolean {
  const before = earlier.graph;
  if (earlier.isForeign) return false;
  return paths.every((path) => {
    const position = graph.positionOf(path);
    return before === undefined || position === undefined || !isOtherIn(before, infoAt(graph, position));
  });
}

/**
 * Which layers are as an earlier image has them. Where both diffIDs are known, those say it; else it takes the same paths,
 * in the same order, with the same NAR hashes, and an image of Stowage's.
 */
export function keptLayers(
  graph: ClosureGraph,
  layers: readonly EarlierLayer[],
  earlier: EarlierLayers | undefined,
): boolean[] {
  if (earlier === undefined) return layers.map(() => false);
  const keyOf = ({ paths }: EarlierLayer): string => paths.join("\n");
  const known = new Map(earlier.layers.map((layer) => [keyOf(layer), layer]));
  return layers.map((layer) => {
    const before = known.get(keyOf(layer));
    if (before === undefined) return false;
    if (layer.diffId !== undefined && before.diffId !== undefined) return layer.diffId === before.diffId;
    return mayStand(graph, before, earlier);
  });
}

/** What an upgrade sends, and why. */
export function describeUpgrade(
  graph: ClosureGraph,
  planned: readonly PlannedLayer[],
  known: {
    /** Which layers are as they were, see {@link keptLayers}. */
    readonly kept: readonly boolean[];
    readonly earlier: EarlierLayers;
  },
): Upgrade {
  const { kept: isKept, earlier } = known;
  const sent = [...planned.keys()].filter((index) => isKept[index] === false);
  const sizeOf = (indexes: readonly number[]): number =>
    indexes.reduce((sum, index) => sum + (planned[index]?.size ?? 0), 0);
  const moved = sent.flatMap((index) => planned[index]?.paths ?? []);
  const narSizeOf = (paths: readonly StorePath[]): number =>
    paths.reduce((sum, path) => sum + infoAt(graph, graph.positionOf(path) as number).narSize, 0);
  const isNew = (path: StorePath): boolean =>
    isOtherIn(earlier.graph, infoAt(graph, graph.positionOf(path) as number));
  const kept = [...planned.keys()].filter((index) => isKept[index] === true);
  return {
    from: earlier.word,
    sent: {
      layers: sent,
      size: sizeOf(sent),
      changedNarSize: narSizeOf(moved.filter(isNew)),
      draggedNarSize: narSizeOf(moved.filter((path) => !isNew(path))),
    },
    kept: { layers: kept.length, size: sizeOf(kept) },
    causes: findCauses(earlier.graph, graph),
  };
}

function findCauses(before: ClosureGraph, after: ClosureGraph): UpgradeCause[] {
  const read = packageReader([...before.infos, ...after.infos]);
  const changes = new Map(diffClosures(before, after).packages.map((change) => [change.name, change]));
  const own = Map.groupBy(ownChanges(before, after), (position) => read(infoAt(after, position)).name);
  const causes = [...own].map(([name, positions]): UpgradeCause => {
    // The same store paths with other contents are no change of the closure.
    const versions = [...new Set(positions.map((position) => read(infoAt(after, position)).version))];
    const rebuilt = { kind: "rebuilt", versionsBefore: versions, versionsAfter: versions } as const;
    const { kind, versionsBefore, versionsAfter } = changes.get(name) ?? rebuilt;
    const marks = reachable(after.referrers, positions);
    const changed = [...marks.keys()].filter((position) => {
      const isMissing = before.positionOf(infoAt(after, position).path) === undefined;
      return marks[position] === 1 && (isMissing || positions.includes(position));
    });
    return {
      name,
      kind,
      versionsBefore,
      versionsAfter,
      paths: changed.length,
      narSize: changed.reduce((sum, position) => sum + infoAt(after, position).narSize, 0),
    };
  });
  return causes.toSorted((a, b) => b.narSize - a.narSize || (a.name < b.name ? -1 : 1));
}
