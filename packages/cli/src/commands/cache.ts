import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderCache } from "../render/cache.ts";
import { renderJson } from "../render/json.ts";
import type { Speaker } from "../speaker.ts";
import type { Verb } from "./verb.ts";

export function cacheCommand(): Verb {
  const command = new Command("cache")
    .summary("what is remembered of layers' digests")
    .description(
      "The digest cache: digests of layers that were made before, so that an unchanged layer is not read again where it is already.\n\n  stowage cache\n  stowage cache --clear",
    )
    .option("--clear", "forget all of it")
    .option("--json", "print the answer as JSON");
  return { command, action: (speaker, parsed) => runCache(speaker, parsed.opts<CacheWords>()) };
}

interface CacheWords {
  readonly clear?: boolean;
  readonly json?: boolean;
}

async function runCache(speaker: Speaker, words: CacheWords): Promise<number> {
  const { clearCache, inspectCache } = await import("@stowage/core");
  const cleared = words.clear ?? false;
  const contents = cleared ? clearCache() : inspectCache();
  await speaker.print(words.json ? renderJson({ ...contents, cleared }) : renderCache(contents, cleared));
  return exitCodes.done;
}
