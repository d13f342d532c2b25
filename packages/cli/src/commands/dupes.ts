import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderDuplicates } from "../render/dupes.ts";
import { renderJson } from "../render/json.ts";
import { makeStyle } from "../render/style.ts";
import type { Speaker } from "../speaker.ts";
import { readNumber, readSource, withClosureOptions, type ClosureWords } from "./closure-words.ts";
import type { Verb } from "./verb.ts";

export function dupesCommand(): Verb {
  const command = withClosureOptions(
    new Command("dupes")
      .summary("packages that a closure has more than once")
      .description(
        "Packages that a closure has in several versions or builds, what one copy alone would save, and what brings each copy. The newest version is the one to keep, of equal ones the largest.\n\n  stowage dupes result",
      )
      .argument("[target...]", "a result link, store path, path inside one, or image"),
  ).option("--limit <n>", "packages that people see; JSON is always whole (default: all)");
  return { command, action: (speaker, parsed) => runDupes(speaker, parsed.args, parsed.opts<DupesWords>()) };
}

interface DupesWords extends ClosureWords {
  readonly limit?: string;
}

async function runDupes(speaker: Speaker, targets: readonly string[], words: DupesWords): Promise<number> {
  const limit = readNumber("--limit", words.limit);
  const source = await readSource(speaker, targets, words);
  const core = await import("@stowage/core/explain");
  const duplicates = core.findDuplicates((await core.loadClosure(source)).graph);
  const wasted = duplicates.reduce((sum, duplicate) => sum + duplicate.wasted, 0);
  const style = makeStyle(speaker.options.color, process.stdout, process.env);
  await speaker.print(
    words.json
      ? renderJson({ totals: { packages: duplicates.length, wasted }, duplicates })
      : renderDuplicates(duplicates, { limit, style }),
  );
  return exitCodes.done;
}
