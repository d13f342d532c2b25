import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildGraph, describeGraph, exportGraph, graphFormats, type ClosureGraph } from "@stowage/core";
import { makeClosure, parseNarHash, parseStorePath } from "@stowage/nix";
import { graphOf } from "../../support/graphs.ts";
import { requirePrograms } from "../../support/programs.ts";
import { drawings, graphOfDrawing } from "../../support/random-graphs.ts";

const small = graphOf({ "app-1.0": ["libc-2", "app-1.0"], "libc-2": [] }, { "app-1.0": 5, "libc-2": 7 });
const [app, libc] = small.infos
  .map(({ path }) => path.slice("/nix/store/".length))
  .toSorted((a) => (a.endsWith("app-1.0") ? -1 : 1)) as [string, string];

/** A store directory with everything in it that could end a string somewhere. */
function hostile(storeDir = `/opt/"quo\\te" <b>&'\n];--> ${String.fromCodePoint(0x1f431)}`): ClosureGraph {
  const path = parseStorePath(`${storeDir}/${"0".repeat(32)}-x-1`, storeDir);
  const narHash = parseNarHash("0".repeat(64));
  return buildGraph(makeClosure(storeDir, [path], [{ path, narHash, narSize: 1, references: [path] }]));
}

describe("the graph in other languages", () => {
  test("dot: an arrow goes to what is referred to, a self-reference has none", () => {
    const dot = exportGraph(small, "dot");
    expect(dot).toContain(`  "${app}" -> "${libc}";\n`);
    expect(dot.match(/->/g)).toHaveLength(1);
    expect(dot).toContain(`"${libc}" [label="libc-2", tooltip="/nix/store/${libc}", narSize=7];`);
  });

  test("mermaid", () => {
    const [first] = small.infos;
    const [from, to] = first?.path.endsWith("app-1.0") ? [0, 1] : [1, 0];
    expect(exportGraph(small, "mermaid").split("\n").toSorted()).toEqual(
      [
        "flowchart LR",
        `  n${from}[["app-1.0"]]`,
        `  n${to}["libc-2"]`,
        `  n${from} --> n${to}`,
        "",
      ].toSorted(),
    );
  });

  test("graphml", () => {
    const graphml = exportGraph(small, "graphml");
    expect(graphml).toContain(`<edge source="${app}" target="${libc}"/>`);
    expect(graphml).toContain(`<data key="narSize">7</data>`);
    expect(graphml).toContain(`<data key="isRoot">true</data>`);
  });

  test("plain data", () => {
    const { nodes, edges } = describeGraph(small);
    expect(nodes.find(({ name }) => name === "app")).toEqual({
      path: `/nix/store/${app}`,
      name: "app",
      version: "1.0",
      narSize: 5,
      isRoot: true,
    });
    expect(edges).toEqual([{ from: `/nix/store/${app}`, to: `/nix/store/${libc}` }]);
  });

  test.each(graphFormats)("%s is the same each time", (format) => {
    expect(exportGraph(small, format)).toBe(exportGraph(small, format));
  });
});

describe.skipIf(!requirePrograms("dot"))("Graphviz", () => {
  const render = (text: string): { objects?: { name: string; tooltip: string }[]; edges?: unknown[] } =>
    JSON.parse(execFileSync("dot", ["-Tjson"], { input: text, encoding: "utf8" }));

  test("draws it", () => {
    expect(execFileSync("dot", ["-Tsvg"], { input: exportGraph(small, "dot"), encoding: "utf8" })).toContain(
      "</svg>",
    );
  });

  test("sees all nodes and edges of random graphs", { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(drawings({ maxPaths: 12 }), (drawing) => {
        const graph = graphOfDrawing(drawing);
        const { objects = [], edges = [] } = render(exportGraph(graph, "dot"));
        expect(objects).toHaveLength(graph.infos.length);
        expect(edges).toHaveLength(graph.references.flat().length);
      }),
      { numRuns: 25 },
    );
  });

  test("reads names that would end a string as names", () => {
    const { objects } = render(exportGraph(hostile(), "dot"));
    expect(objects).toHaveLength(1);
    expect(objects?.[0]?.name).toBe(`${"0".repeat(32)}-x-1`);
  });
});

describe.skipIf(!requirePrograms("python3"))("an XML parser", () => {
  test("takes a store directory of control characters, which XML has no way to write", () => {
    const graph = hostile("/evil\u0000\u001b[2J\u009b\u202e");
    execFileSync("python3", ["-c", "import sys, xml.dom.minidom as m; m.parse(sys.stdin.buffer)"], {
      input: exportGraph(graph, "graphml"),
    });
    expect(exportGraph(graph, "graphml")).toContain(String.raw`/evil\u0000\u001b[2J\u009b\u202e/`);
    expect(exportGraph(graph, "dot")).toContain(String.raw`/evil\\u0000\\u001b[2J\\u009b\\u202e/`);
  });

  test("reads the GraphML back, whatever the names", () => {
    const script = [
      "import json, sys, xml.etree.ElementTree as e",
      "n = '{http://graphml.graphdrawing.org/xmlns}'",
      "g = e.fromstring(sys.stdin.buffer.read()).find(n + 'graph')",
      "print(json.dumps([[d.text for d in node.findall(n + 'data')][0] for node in g.findall(n + 'node')]))",
    ].join("\n");
    const graph = hostile();
    const output = execFileSync("python3", ["-c", script], {
      input: exportGraph(graph, "graphml"),
      encoding: "utf8",
    });
    expect(JSON.parse(output)).toEqual([graph.infos[0]?.path]);
  });
});
