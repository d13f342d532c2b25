import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderJson } from "../render/json.ts";
import { renderRoots } from "../render/roots.ts";
import { makeStyle } from "../render/style.ts";
import type { Speaker } from "../speaker.ts";
import { readNumber } from "./closure-words.ts";
import type { Verb } from "./verb.ts";

export function rootsCommand(): Verb {
  const command = new Command("roots")
    .summary("what removing each garbage collector root would free")
    .description(
      "What only each garbage collector root of the store holds: what a collection would free if it alone were gone. What keep-derivations and keep-outputs of nix.conf keep counts too.\n\n  stowage roots --limit 10",
    )
    .option("--store <url>", "store to ask, as Nix names it (default: as Nix is set up)")
    .option("--limit <n>", "roots that people see; JSON is always whole (default: all)")
    .option("--json", "print the answer as JSON");
  return { command, action: (speaker, parsed) => runRoots(speaker, parsed.opts<RootsWords>()) };
}

interface RootsWords {
  readonly store?: string;
  readonly limit?: string;
  readonly json?: boolean;
}

async function runRoots(speaker: Speaker, words: RootsWords): Promise<number> {
  const limit = readNumber("--limit", words.limit);
  const { analyzeRoots } = await import("@stowage/core/explain");
  const shares = await analyzeRoots({ store: words.store, signal: speaker.signal });
  const style = makeStyle(speaker.options.color, process.stdout, process.env);
  await speaker.print(words.json ? renderJson(shares) : renderRoots(shares, { limit, style }));
  return exitCodes.done;
}
