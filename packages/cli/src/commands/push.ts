import type { PackResult } from "@stowage/core";
import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderPackJson, renderPushed } from "../render/pack.ts";
import { ProgressLine } from "../render/progress.ts";
import type { Speaker } from "../speaker.ts";
import { readRegistryAccess, withRegistryOptions, type RegistryWords } from "./registry-words.ts";
import type { Verb } from "./verb.ts";

export function pushCommand(): Verb {
  const command = withRegistryOptions(
    new Command("push")
      .summary("push a target to a registry")
      .description(
        "Push the image that pack would make of a target to a registry; nothing is stored in between.\n\n  stowage push result registry.example/team/app:1",
      )
      .argument("<target>", "a result link, a store path, or a path inside one")
      .argument("<ref>", "where to: REGISTRY/NAME[:TAG]"),
  )
    .option("--store <url>", "store to take the paths from, as Nix names it")
    .option("--json", "print what was pushed as JSON");
  return { command, action: (speaker, parsed) => runPush(speaker, parsed.args, parsed.opts<PushWords>()) };
}

interface PushWords extends RegistryWords {
  readonly store?: string;
  readonly json?: boolean;
}

async function runPush(speaker: Speaker, args: readonly string[], words: PushWords): Promise<number> {
  const [target = "", reference = ""] = args;
  const registry = await readRegistryAccess(words, speaker.signal);
  const { pack } = await import("@stowage/core");
  using progress = speaker.showsProgress ? new ProgressLine(process.stderr) : undefined;
  const result: PackResult = await pack({
    targets: [target],
    push: [reference],
    registry,
    store: words.store,
    signal: speaker.signal,
    onProgress: progress && ((event) => progress.update(event)),
    onWarning: (warning) => {
      progress?.clear();
      speaker.warn(warning);
    },
  });
  progress?.clear();
  if (words.json) await speaker.print(renderPackJson(result));
  else for (const place of result.pushed ?? []) speaker.tell(renderPushed(place));
  return exitCodes.done;
}
