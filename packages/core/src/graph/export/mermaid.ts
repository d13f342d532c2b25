import type { ClosureGraph } from "../closure-graph.ts";
import { graphEdges, graphNodes } from "./graph-nodes.ts";

/** The graph as a Mermaid flowchart; an arrow goes from a path to what it refers to. */
export function toMermaid(graph: ClosureGraph): string {
  const nodes = graphNodes(graph).map(({ position, label, isRoot }) => {
    const text = `"${escape(label)}"`;
    return `  n${position}${isRoot ? `[[${text}]]` : `[${text}]`}`;
  });
  const arrows = graphEdges(graph).map(([from, to]) => `  n${from} --> n${to}`);
  return ["flowchart LR", ...nodes, ...arrows, ""].join("\n");
}

/** Mermaid's entity codes, for whatever could end or begin something in a quoted text. */
function escape(text: string): string {
  return text.replaceAll(/[^\w.+\-? =]/g, (character) => `#${character.codePointAt(0)};`);
}
