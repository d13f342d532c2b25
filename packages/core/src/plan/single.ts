import type { LayeringStrategy } from "./layer-plan.ts";

/** All store paths in one layer, sorted by path. */
export const single: LayeringStrategy = (graph) => [graph.infos.map((_, position) => position)];
