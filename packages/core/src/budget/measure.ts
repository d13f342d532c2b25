import type { ClosureGraph } from "../graph/closure-graph.ts";

/** What is known of the image that a closure is packed into. */
export interface ImageMeasures {
  /** Bytes of all layers, uncompressed. */
  readonly size: number;
  readonly layers: number;
}

/** The numbers that a budget limits. */
export interface Measures {
  /** Bytes of NAR. */
  readonly closureSize: number;
  /** Bytes of NAR of the largest single path. */
  readonly largestPath: number;
  /** Only where there is an image. */
  readonly imageSize?: number;
  readonly layers?: number;
}

export function measureForBudget(graph: ClosureGraph, image?: ImageMeasures): Measures {
  const sizes = graph.infos.map((info) => info.narSize);
  return {
    closureSize: sizes.reduce((sum, size) => sum + size, 0),
    largestPath: sizes.reduce((largest, size) => Math.max(largest, size), 0),
    ...(image === undefined ? {} : { imageSize: image.size, layers: image.layers }),
  };
}
