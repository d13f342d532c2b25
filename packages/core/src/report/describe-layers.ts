import type { ImageClosure } from "../image-closure.ts";
import type { ClosureGraph } from "../graph/closure-graph.ts";
import type { PlanResult } from "../plan.ts";
import { describePlan, type PlannedLayer } from "../plan/describe-plan.ts";
import { describeUpgrade, keptLayers, type EarlierLayers, type Upgrade } from "../plan/upgrade.ts";
import type { ReportLayer, ReportLayers, ReportUpgrade } from "./report-data.ts";

/** The layers that a pack would make. */
export function describePlannedLayers({ layers, sizes, totals, upgrade }: PlanResult): ReportLayers {
  const sent = upgrade && new Set(upgrade.sent.layers);
  return {
    kind: "planned",
    sizes,
    list: layers.map((layer, number) => ({
      ...describeLayer(layer, number),
      reason: layer.reason,
      ...(sent === undefined ? {} : { kept: !sent.has(number) }),
    })),
    totals: { size: totals.size, expectedBytes: totals.expectedBytes },
    ...(upgrade === undefined ? {} : { upgrade: shortenUpgrade(upgrade) }),
  };
}

/** The layers that an image has; their numbers are those of all its layers. */
export function describeImageLayers(
  graph: ClosureGraph,
  image: ImageClosure,
  earlier: EarlierLayers | undefined,
): ReportLayers {
  const { storeLayers } = image;
  const kept = keptLayers(graph, storeLayers, earlier);
  const { layers } = describePlan(
    graph,
    { strategy: "given", layers: storeLayers.map(({ paths }) => paths) },
    { sizes: storeLayers.map(({ size }) => size), kept: storeLayers.map(() => false) },
  );
  const size = layers.reduce((sum, layer) => sum + layer.size, 0);
  const upgrade = earlier && describeUpgrade(graph, layers, { kept, earlier });
  return {
    kind: "image",
    sizes: "stored",
    list: layers.map((layer, index) => {
      const { number, digest } = storeLayers[index] as ImageClosure["storeLayers"][number];
      return {
        ...describeLayer(layer, number),
        ...(earlier === undefined ? {} : { kept: kept[index] === true }),
        ...(digest === undefined ? {} : { digest }),
      };
    }),
    others: { layers: image.layers - storeLayers.length, size: image.size - size },
    totals: { size, expectedBytes: layers.reduce((sum, { expectedBytes }) => sum + expectedBytes, 0) },
    ...(upgrade === undefined ? {} : { upgrade: shortenUpgrade(upgrade) }),
  };
}

function describeLayer(layer: PlannedLayer, number: number): ReportLayer {
  const { paths, narSize, size, likelihood, expectedBytes } = layer;
  return { number, paths: paths.length, narSize, size, likelihood, expectedBytes };
}

function shortenUpgrade({ from, sent, kept, causes }: Upgrade): ReportUpgrade {
  return {
    from,
    sentLayers: sent.layers.length,
    sentSize: sent.size,
    keptLayers: kept.layers,
    keptSize: kept.size,
    changedNarSize: sent.changedNarSize,
    draggedNarSize: sent.draggedNarSize,
    causes,
  };
}
