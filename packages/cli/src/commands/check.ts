import type { Budget, ClosureGraph, ImageMeasures, LoadedClosure } from "@stowage/core";
import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderBudget } from "../render/check.ts";
import { renderJson } from "../render/json.ts";
import { makeStyle } from "../render/style.ts";
import type { Speaker } from "../speaker.ts";
import { readSource, withClosureOptions, type ClosureWords, type CommandSource } from "./closure-words.ts";
import { readImageAccess } from "./image-words.ts";
import { showReading } from "./show-reading.ts";
import { readTextFile } from "./text-file.ts";
import { UsageError } from "./usage-error.ts";
import type { Verb } from "./verb.ts";

export function checkCommand(): Verb {
  const command = withClosureOptions(
    new Command("check")
      .summary("hold a closure against a budget")
      .description(
        "Hold a closure, and the image that pack would make of it, against a budget: limits for sizes, layers and growth, forbidden packages, duplicates. Exit status 1 where something is over.\n\n  stowage check result --budget budget.jsonc\n  stowage check result --budget budget.jsonc --update",
      )
      .argument("[target...]", "a result link, store path, path inside one, or image"),
  )
    .requiredOption("--budget <file>", "the budget, JSON in which comments may stand")
    .option("--update", "turn the budget's numbers down to what is there now, never up");
  return { command, action: (speaker, parsed) => runCheck(speaker, parsed.args, parsed.opts<CheckWords>()) };
}

interface CheckWords extends ClosureWords {
  readonly budget: string;
  readonly update?: boolean;
}

async function runCheck(speaker: Speaker, targets: readonly string[], words: CheckWords): Promise<number> {
  if (words.update && words.budget === "-")
    throw new UsageError("--update cannot write to stdin", "Name a file.");
  const text = await readTextFile("--budget", words.budget, speaker.signal);
  const core = await import("@stowage/core");
  const budget = core.parseBudget(text);
  const { graph, image } = await readSubject(core, budget, speaker, targets, words);
  const { measured, failures } = core.checkBudget(budget, graph, image);
  const updated = words.update ? core.ratchetBudget(text, graph, image) : text;
  if (updated !== text) await core.writeBudget(words.budget, updated);
  const answer = { passed: failures.length === 0, measured, failures, updated: updated !== text };
  const style = makeStyle(speaker.options.color, process.stdout, process.env);
  await speaker.print(
    words.json ? renderJson(answer) : renderBudget(answer, { budget: words.budget, style }),
  );
  return answer.passed ? exitCodes.done : exitCodes.finding;
}

/** The closure, and what is known of an image of it: an image is measured itself. */
async function readSubject(
  core: typeof import("@stowage/core"),
  budget: Budget,
  speaker: Speaker,
  targets: readonly string[],
  words: CheckWords,
): Promise<{ readonly graph: ClosureGraph; readonly image: ImageMeasures | undefined }> {
  const [first] = targets;
  if (first !== undefined && targets.length === 1 && (await core.isImageWord(first))) {
    if (words.graph !== undefined) {
      throw new UsageError(
        "an image and --graph are two different closures",
        "Take one: an image records its own.",
      );
    }
    const { closure, size, layers } = await core.readImageClosure(first, {
      ...(await readImageAccess(words, speaker)),
      onProgress: showReading(speaker),
    });
    return { graph: core.buildGraph(closure), image: { size, layers } };
  }
  const source = await readSource(speaker, targets, words);
  const loaded = await core.loadClosure(source);
  return { graph: loaded.graph, image: await measureImage(core, budget, source, loaded) };
}

/** What pack would make, where the budget asks for it: decided and measured, not written. */
async function measureImage(
  core: typeof import("@stowage/core"),
  budget: Budget,
  { text, ...source }: CommandSource,
  { graph, locate }: LoadedClosure,
): Promise<ImageMeasures | undefined> {
  const isAskedFor = budget.imageSize !== undefined || budget.layers !== undefined;
  const isHere = text === undefined || graph.infos.every(({ path }) => locate(path) !== undefined);
  if (!isAskedFor || !isHere) return undefined;
  const roots = graph.roots.flatMap((root) => graph.infos[root]?.path ?? []);
  const packed = text === undefined ? {} : { targets: roots, graph: text };
  const { layers } = await core.pack({ ...source, ...packed, dryRun: true, onProgress: undefined });
  return { size: layers.reduce((sum, layer) => sum + layer.size, 0), layers: layers.length };
}
