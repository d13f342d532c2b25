import { stat } from "node:fs/promises";
import type { ClosureSource } from "@stowage/core";
import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderDiff } from "../render/diff.ts";
import { renderJson } from "../render/json.ts";
import { makeStyle } from "../render/style.ts";
import type { Speaker } from "../speaker.ts";
import { readNumber, readTextFile } from "./closure-words.ts";
import type { Verb } from "./verb.ts";

export function diffCommand(): Verb {
  const command = new Command("diff")
    .summary("how two closures differ, package by package")
    .description(
      "How two closures differ: packages added, removed, changed and rebuilt, the largest change of size first.\n\n  stowage diff result-old result\n  stowage diff yesterday.tar result",
    )
    .argument("<a>", "before: a result link, a store path, an image made by stowage, or an exported closure")
    .argument("<b>", "after: the same")
    .option("--store <url>", "store to ask, as Nix names it")
    .option("--limit <n>", "packages that people see; JSON is always whole")
    .option("--json", "print the answer as JSON");
  return { command, action: (speaker, parsed) => runDiff(speaker, parsed.args, parsed.opts<DiffWords>()) };
}

interface DiffWords {
  readonly store?: string;
  readonly limit?: string;
  readonly json?: boolean;
}

async function runDiff(speaker: Speaker, args: readonly string[], words: DiffWords): Promise<number> {
  const limit = readNumber("--limit", words.limit);
  const [before = "", after = ""] = args;
  const core = await import("@stowage/core");
  const load = async (side: string) =>
    (await core.isImagePath(side))
      ? core.buildGraph((await core.readImageClosure(side, { signal: speaker.signal })).closure)
      : (await core.loadClosure(await readSide(speaker, side, words.store))).graph;
  const answer = core.diffClosures(await load(before), await load(after));
  const style = makeStyle(speaker.options.color, process.stdout, process.env);
  await speaker.print(words.json ? renderJson(answer) : renderDiff(answer, { limit, style }));
  return exitCodes.done;
}

/** A file outside a store is an exported closure; whatever else there is, is a target. */
async function readSide(speaker: Speaker, side: string, store: string | undefined): Promise<ClosureSource> {
  const { signal } = speaker;
  const isText = side === "-" || (await isPlainFile(side));
  return isText
    ? { targets: [], text: await readTextFile("diff", side, signal), store, signal }
    : { targets: [side], store, signal };
}

async function isPlainFile(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.isFile() === true;
}
