import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderJson } from "../render/json.ts";
import type { Speaker } from "../speaker.ts";
import { choice, readSource, withClosureOptions, type ClosureWords } from "./closure-words.ts";
import { UsageError } from "./usage-error.ts";
import type { Verb } from "./verb.ts";

const formats = ["dot", "mermaid", "graphml", "json"] as const;

export function graphCommand(): Verb {
  const command = withClosureOptions(
    new Command("graph")
      .summary("the reference graph, for other tools to draw")
      .description(
        "The reference graph of a closure. Every edge leads from a path to what it refers to; references of a path to itself are left out.\n\n  stowage graph result | dot -Tsvg > closure.svg",
      )
      .argument("[target...]", "a result link, store path, path inside one, or image"),
  ).addOption(choice("--format <format>", "language of the graph", formats, "dot"));
  return {
    command,
    action: (speaker, parsed) => runGraph(speaker, parsed, parsed.opts<GraphWords>()),
  };
}

interface GraphWords extends ClosureWords {
  readonly format: (typeof formats)[number];
}

async function runGraph(speaker: Speaker, parsed: Command, words: GraphWords): Promise<number> {
  const isChosen = parsed.getOptionValueSource("format") !== "default";
  if (words.json && isChosen && words.format !== "json") {
    throw new UsageError(`--json and --format ${words.format} are two different answers`, "Take one.");
  }
  const source = await readSource(speaker, parsed.args, words);
  const core = await import("@stowage/core/explain");
  const { graph } = await core.loadClosure(source);
  const format = words.json ? "json" : words.format;
  await speaker.print(
    format === "json" ? renderJson(core.describeGraph(graph)) : core.exportGraph(graph, format),
  );
  return exitCodes.done;
}
