import type { StorePath } from "@stowage/nix";
import { diffClosures, type ChangeKind } from "../analyze/diff.ts";
import { packageReader } from "../analyze/package-of.ts";
import { infoAt, type ClosureGraph } from "../graph/closure-graph.ts";
import { reachable } from "../graph/traverse.ts";
import type { PlannedLayer } from "./describe-plan.ts";
import { ownChanges } from "./own-changes.ts";

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

export interface UpgradeCause {
  readonly name: string;
  readonly kind: ChangeKind;
  readonly versionsBefore: readonly string[];
  readonly versionsAfter: readonly string[];
  /** Paths that changed because this package did, its own among them. One may have several causes. */
  readonly paths: number;
  readonly narSize: number;
}

export interface EarlierLayers {
  readonly word: string;
  readonly graph: ClosureGraph;
  readonly layers: readonly (readonly StorePath[])[];
}

/** Which layers are as an earlier image has them: the same paths in the same order, so the same bytes. */
export function keptLayers(
  layers: readonly (readonly StorePath[])[],
  earlier: Pick<EarlierLayers, "layers"> | undefined,
): boolean[] {
  const known = new Set(earlier?.layers.map((paths) => paths.join("\n")));
  return layers.map((paths) => known.has(paths.join("\n")));
}

/** What an upgrade sends, and why. */
export function describeUpgrade(
  graph: ClosureGraph,
  planned: readonly PlannedLayer[],
  earlier: EarlierLayers,
): Upgrade {
  const isKept = keptLayers(
    planned.map(({ paths }) => paths),
    earlier,
  );
  const sent = [...planned.keys()].filter((index) => isKept[index] === false);
  const sizeOf = (indexes: readonly number[]): number =>
    indexes.reduce((sum, index) => sum + (planned[index]?.size ?? 0), 0);
  const moved = sent.flatMap((index) => planned[index]?.paths ?? []);
  const narSizeOf = (paths: readonly StorePath[]): number =>
    paths.reduce((sum, path) => sum + infoAt(graph, graph.positionOf(path) as number).narSize, 0);
  const isNew = (path: StorePath): boolean => earlier.graph.positionOf(path) === undefined;
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
  const causes = [...own].flatMap(([name, positions]) => {
    const change = changes.get(name);
    if (change === undefined) return [];
    const marks = reachable(after.referrers, positions);
    const followers = [...marks.keys()].filter(
      (position) => marks[position] === 1 && before.positionOf(infoAt(after, position).path) === undefined,
    );
    return {
      name,
      kind: change.kind,
      versionsBefore: change.versionsBefore,
      versionsAfter: change.versionsAfter,
      paths: followers.length,
      narSize: followers.reduce((sum, position) => sum + infoAt(after, position).narSize, 0),
    };
  });
  return causes.toSorted((a, b) => b.narSize - a.narSize || (a.name < b.name ? -1 : 1));
}
