import type { StorePath } from "@stowage/nix";
import { infoAt, type ClosureGraph } from "../closure-graph.ts";
import { toDot } from "./dot.ts";
import { graphEdges, graphNodes } from "./graph-nodes.ts";
import { toGraphml } from "./graphml.ts";
import { toMermaid } from "./mermaid.ts";

/** A language that graphs are drawn from. */
export type GraphFormat = "dot" | "mermaid" | "graphml";

const writers: Readonly<Record<GraphFormat, (graph: ClosureGraph) => string>> = {
  dot: toDot,
  mermaid: toMermaid,
  graphml: toGraphml,
};

/** What {@link exportGraph} writes. */
export const graphFormats: readonly GraphFormat[] = ["dot", "mermaid", "graphml"];

/** The reference graph as plain data, in path order. */
export interface GraphDocument {
  readonly nodes: readonly {
    readonly path: StorePath;
    readonly name: string;
    readonly version: string;
    /** Bytes of NAR. */
    readonly narSize: number;
    readonly isRoot: boolean;
  }[];
  /** `from` refers to `to`; self-references are left out. */
  readonly edges: readonly { readonly from: StorePath; readonly to: StorePath }[];
}

/** The reference graph as a text; the same closure gives the same text. Every edge leads to what is referred to. */
export function exportGraph(graph: ClosureGraph, format: GraphFormat): string {
  return writers[format](graph);
}

/** The graph as plain data: each path with its NAR size, and which refers to which. */
export function describeGraph(graph: ClosureGraph): GraphDocument {
  const path = (position: number): StorePath => infoAt(graph, position).path;
  return {
    nodes: graphNodes(graph).map(({ path: own, name, version, narSize, isRoot }) => ({
      path: own,
      name,
      version,
      narSize,
      isRoot,
    })),
    edges: [...graphEdges(graph)].map(([from, to]) => ({ from: path(from), to: path(to) })),
  };
}
