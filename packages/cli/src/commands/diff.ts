import { stat } from "node:fs/promises";
import type { ClosureGraph, ClosureSource } from "@stowage/core";
import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderDiff } from "../render/diff.ts";
import { renderJson } from "../render/json.ts";
import { makeStyle } from "../render/style.ts";
import type { Speaker } from "../speaker.ts";
import { readNumber } from "./closure-words.ts";
import { readImageAccess, withImageOptions, type ImageWords } from "./image-words.ts";
import { showReading } from "./show-reading.ts";
import { readStoreAccess, withStoreOptions, type StoreWords } from "./store-words.ts";
import { readTextFile } from "./text-file.ts";
import type { Verb } from "./verb.ts";

export function diffCommand(): Verb {
  const command = withImageOptions(
    withStoreOptions(new Command("diff"))
      .summary("how two closures differ, package by package")
      .description(
        "How two closures differ: packages added, removed, changed and rebuilt, the largest change of size first.\n\n  stowage diff result-old result\n  stowage diff yesterday.tar result\n  stowage diff registry.example/app:1 result",
      )
      .argument(
        "<a>",
        "before: a result link, a store path, an image (also in a registry), or an exported closure",
      )
      .argument("<b>", "after: the same"),
  )
    .option("--limit <n>", "packages that people see; JSON is always whole (default: all)")
    .option("--json", "print the answer as JSON");
  return { command, action: (speaker, parsed) => runDiff(speaker, parsed.args, parsed.opts<DiffWords>()) };
}

interface DiffWords extends ImageWords, StoreWords {
  readonly limit?: string;
  readonly json?: boolean;
}

async function runDiff(speaker: Speaker, args: readonly string[], words: DiffWords): Promise<number> {
  const limit = readNumber("--limit", words.limit);
  const [before = "", after = ""] = args;
  const access = await readImageAccess(words, speaker);
  const [{ diffClosures }, { Registries }] = await Promise.all([
    import("@stowage/core/explain"),
    import("@stowage/core/elsewhere"),
  ]);
  await using registry = await Registries.open(access.registry, { environment: process.env });
  const stores = readStoreAccess(words, speaker);
  const options = { ...access, registry, ...stores, onProgress: showReading(speaker) };
  const load = (side: string): Promise<ClosureGraph> => loadSide(side, options);
  const answer = diffClosures(await load(before), await load(after));
  const style = makeStyle(speaker.options.color, process.stdout, process.env);
  await speaker.print(words.json ? renderJson(answer) : renderDiff(answer, { limit, style }));
  return exitCodes.done;
}

/** An image, an exported closure, or a target; a target may be a single file too, which is then no closure's text. */
async function loadSide(
  side: string,
  options: Omit<ClosureSource, "targets"> & { readonly signal: AbortSignal },
): Promise<ClosureGraph> {
  const { signal } = options;
  const { buildGraph, loadClosure } = await import("@stowage/core/explain");
  const { isImageWord, readImageClosure } = await import("@stowage/core/elsewhere");
  if (await isImageWord(side)) return buildGraph((await readImageClosure(side, options)).closure);
  const loadTarget = async (): Promise<ClosureGraph> =>
    (await loadClosure({ ...options, targets: [side] })).graph;
  if (side !== "-" && !(await isPlainFile(side))) return loadTarget();
  const text = await readTextFile("diff", side, signal);
  try {
    return (await loadClosure({ ...options, targets: [], text })).graph;
  } catch (error) {
    signal.throwIfAborted();
    const target = await loadTarget().catch(() => undefined);
    if (target !== undefined) return target;
    throw error;
  }
}

async function isPlainFile(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.isFile() === true;
}
