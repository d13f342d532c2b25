import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderJson } from "../render/json.ts";
import { renderPlan } from "../render/plan.ts";
import { makeStyle } from "../render/style.ts";
import type { Speaker } from "../speaker.ts";
import { saveThreadMemory } from "../thread-memory.ts";
import { readNumber, readSource, withClosureOptions, type ClosureWords } from "./closure-words.ts";
import { readLayering, withLayeringOptions, type LayeringWords } from "./layering-words.ts";
import { parseWholeNumber } from "./pack-words.ts";
import { UsageError } from "./usage-error.ts";
import type { Verb } from "./verb.ts";

export function planCommand(): Verb {
  const command = withLayeringOptions(
    withClosureOptions(
      new Command("plan")
        .summary("the layers a pack would make, and what upgrades send")
        .description(
          "The layers a pack would make: their bytes, why their paths are together, how often a release is expected to send them; with --previous which layers and bytes an upgrade from an earlier image sends, and which packages are to blame. What --json prints is a plan file, which --previous and pack --plan take.\n\n  stowage plan result\n  stowage plan result --previous app-1.0.tar\n  stowage plan result --json > plan.json && stowage pack result --plan plan.json",
        )
        .argument("[target...]", "a result link, store path, path inside one, or image"),
    ),
  )
    .option("--base <image>", "count the layers of the image of pack --base")
    .option("--digests", "compute the layers' digests, without writing them")
    .option("--no-check", "--digests without recomputing the NAR hash of each path")
    .option("--jobs <n>", "threads that read (default: one for each processor)")
    .option("--limit <n>", "layers that people see; JSON is always whole (default: all)");
  return { command, action: (speaker, parsed) => runPlan(speaker, parsed.args, parsed.opts<PlanWords>()) };
}

interface PlanWords extends ClosureWords, LayeringWords {
  readonly base?: string;
  readonly digests?: boolean;
  readonly check: boolean;
  readonly jobs?: string;
  readonly limit?: string;
}

async function runPlan(speaker: Speaker, targets: readonly string[], words: PlanWords): Promise<number> {
  const limit = readNumber("--limit", words.limit);
  if (!words.check && !words.digests) throw new UsageError("--no-check goes with --digests only");
  const jobs = words.jobs === undefined ? undefined : parseWholeNumber("--jobs", words.jobs);
  const { base, digests, check } = words;
  const request = { ...readLayering(words), base, digests, check, jobs };
  const source = await readSource(speaker, targets, words);
  saveThreadMemory(jobs);
  const { plan } = await import("@stowage/core");
  const result = await plan({ ...source, ...request });
  const style = makeStyle(speaker.options.color, process.stdout, process.env);
  await speaker.print(words.json ? renderJson(result) : renderPlan(result, { limit, style }));
  return exitCodes.done;
}
