import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderReport } from "../render/report.ts";
import type { Speaker } from "../speaker.ts";
import { openStdout } from "../stdout-writer.ts";
import { readSource, type ClosureWords } from "./closure-words.ts";
import { withImageOptions } from "./image-words.ts";
import { readLayering, withLayeringOptions, type LayeringWords } from "./layering-words.ts";
import { withStoreOptions } from "./store-words.ts";
import { UsageError } from "./usage-error.ts";
import type { Verb } from "./verb.ts";

export function reportCommand(): Verb {
  const command = withLayeringOptions(
    withStoreOptions(
      withImageOptions(new Command("report"))
        .summary("a closure or an image as a page to look at")
        .description(
          "A closure or an image as one HTML file that loads nothing: a map of sizes, a table, duplicates, layers, why each path is there; with --previous what an upgrade sends, with that or --compare what changed.\n\n  stowage report result -o report.html\n  stowage report app.tar --previous app-1.0.tar -o report.html\n  stowage report result --compare result-old -o report.html",
        )
        .argument("[target...]", "a result link, store path, path inside one, or image")
        .option("-o, --output <file>", "where the page goes; - is stdout (default: <package name>.html)")
        .option(
          "--compare <closure>",
          "what it is compared with: a target, an image, a plan or an exported closure (default: --previous)",
        )
        .option("--graph <file>", "an exported closure instead of a store, as Nix prints it; - is stdin"),
    ),
  );
  return { command, action: (speaker, parsed) => runReport(speaker, parsed, parsed.opts<ReportWords>()) };
}

interface ReportWords extends ClosureWords, LayeringWords {
  readonly output?: string;
  readonly compare?: string;
}

async function runReport(speaker: Speaker, parsed: Command, words: ReportWords): Promise<number> {
  const toStdout = words.output === "-";
  if (toStdout && process.stdout.isTTY)
    throw new UsageError("a page does not go to a terminal", "Name a file with -o, and open that.");
  using stdout = toStdout ? openStdout() : undefined;
  const layering = readLayering(words);
  const isChosen = parsed.getOptionValueSource("maxLayers") !== "default";
  const source = await readSource(speaker, parsed.args, words);
  const { report } = await import("@stowage/core");
  const result = await report({
    ...source,
    ...layering,
    maxLayers: isChosen ? layering.maxLayers : undefined,
    compare: words.compare,
    output: stdout?.stream ?? words.output,
  });
  speaker.tell(renderReport(result));
  return exitCodes.done;
}
