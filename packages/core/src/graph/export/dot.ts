import type { ClosureGraph } from "../closure-graph.ts";
import { graphEdges, graphNodes } from "./graph-nodes.ts";
import { visible } from "./visible.ts";

/** The graph in Graphviz's language; an arrow goes from a path to what it refers to. */
export function toDot(graph: ClosureGraph): string {
  const nodes = graphNodes(graph);
  const lines = nodes.map(({ id, label, path, narSize, isRoot }) => {
    const shape = isRoot ? ", penwidth=2" : "";
    return `  ${quote(id)} [label=${quote(label)}, tooltip=${quote(visible(path))}, narSize=${narSize}${shape}];`;
  });
  const arrows = graphEdges(graph).map(
    ([from, to]) => `  ${quote(nodes[from]?.id ?? "")} -> ${quote(nodes[to]?.id ?? "")};`,
  );
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
