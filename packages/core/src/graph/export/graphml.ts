import type { ClosureGraph } from "../closure-graph.ts";
import { graphEdges, graphNodes, type GraphNode } from "./graph-nodes.ts";
import { visible } from "./visible.ts";

const keys = [
  { id: "path", type: "string" },
  { id: "name", type: "string" },
  { id: "version", type: "string" },
  { id: "narSize", type: "long" },
  { id: "isRoot", type: "boolean" },
] as const;

/** The graph as GraphML; an edge's source refers to its target. (`nix-store --graphml` has it the other way.) */
export function toGraphml(graph: ClosureGraph): string {
  const nodes = graphNodes(graph);
  // A node stands in ten edges or so.
  const ids = nodes.map(({ id }) => escape(id));
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
    ...keys.map(({ id, type }) => `  <key id="${id}" for="node" attr.name="${id}" attr.type="${type}"/>`),
    '  <graph id="closure" edgedefault="directed">',
    ...nodes.flatMap(nodeLines),
    ...graphEdges(graph).map(([from, to]) => `    <edge source="${ids[from]}" target="${ids[to]}"/>`),
    "  </graph>",
    "</graphml>",
    "",
  ];
  return lines.join("\n");
}

function nodeLines(node: GraphNode): string[] {
  return [
    `    <node id="${escape(node.id)}">`,
    ...keys.map(({ id }) => `      <data key="${id}">${escape(visible(String(node[id])))}</data>`),
    "    </node>",
  ];
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}
