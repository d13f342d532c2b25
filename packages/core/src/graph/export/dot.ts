import type { ClosureGraph } from "../closure-graph.ts";
import { graphEdges, graphNodes } from "./graph-nodes.ts";
import { visible } from "./visible.ts";

/** The graph in Graphviz's language; an arrow goes from a path to what it refers to. */
export function toDot(graph: ClosureGraph): string {
  const nodes = graphNodes(graph);
  // A node stands in ten edges or so.
  const ids = nodes.map(({ id }) => quote(id));
  const lines = nodes.map(({ label, path, narSize, isRoot }, position) => {
    const shape = isRoot ? ", penwidth=2" : "";
    return `  ${ids[position]} [label=${quote(label)}, tooltip=${quote(visible(path))}, narSize=${narSize}${shape}];`;
  });
  const arrows = graphEdges(graph).map(([from, to]) => `  ${ids[from]} -> ${ids[to]};`);
  return ["digraph closure {", "  rankdir=LR;", "  node [shape=box];", ...lines, ...arrows, "}", ""].join(
    "\n",
  );
}

/** A quoted ID (Graphviz, "The DOT Language"); a backslash would begin an escape in a label. */
function quote(text: string): string {
  return `"${text
    .replaceAll("\\", "\\\\")
    .replaceAll('"', String.raw`\"`)
    .replaceAll("\n", String.raw`\n`)}"`;
}
