import { Command, Option } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderIndex } from "../render/index.ts";
import { renderJson } from "../render/json.ts";
import type { Speaker } from "../speaker.ts";
import { parseSettings } from "./pack-words.ts";
import { readRegistryAccess, withRegistryOptions, type RegistryWords } from "./registry-words.ts";
import { UsageError } from "./usage-error.ts";
import type { Verb } from "./verb.ts";

export function indexCommand(): Verb {
  const command = withRegistryOptions(
    new Command("index")
      .summary("make one index of images for several platforms")
      .description(
        "Make one index of images for several platforms, and push it with all of them to a registry, or write it with -o. An image is an archive, a layout directory or a reference in a registry; of an index its own images count.\n\n  stowage index registry.example/app:1 amd64.tar arm64.tar\n  stowage index -o app.tar amd64.tar registry.example/app:1-arm64",
      )
      .argument("<ref|image...>", "where to, REGISTRY/NAME[:TAG], unless -o says it; then the images"),
  )
    .option("-o, --output <file>", "write an archive, or with --format oci-dir a layout directory")
    .addOption(new Option("--format <format>", "form of the output").choices(["archive", "oci-dir"]))
    .addOption(
      new Option(
        "-t, --tag <name[:tag]>",
        "name in the output (default: the one that all images have); may be repeated",
      )
        .argParser((value: string, before: readonly string[]) => [...before, value])
        .default([], "none"),
    )
    .addOption(
      new Option(
        "--annotation <k=v>",
        "annotation of the index, beside those that all images have; source, revision, … are OCI's keys; may be repeated",
      )
        .argParser((value: string, before: readonly string[]) => [...before, value])
        .default([], "none"),
    )
    .option("--json", "print what was made as JSON");
  return { command, action: (speaker, parsed) => runIndex(speaker, parsed.args, parsed.opts<IndexWords>()) };
}

interface IndexWords extends RegistryWords {
  readonly output?: string;
  readonly format?: "archive" | "oci-dir";
  readonly tag: readonly string[];
  readonly annotation: readonly string[];
  readonly json?: boolean;
}

async function runIndex(speaker: Speaker, args: readonly string[], words: IndexWords): Promise<number> {
  const { output, format, tag: tags } = words;
  const [reference = "", ...others] = args;
  const images = output === undefined ? others : args;
  if (output === undefined && (format !== undefined || tags.length > 0))
    throw new UsageError("--format and --tag are of an output", "Give one with -o.");
  if (images.length === 0) {
    throw new UsageError(
      "an index of no images",
      "Write stowage index REGISTRY/NAME:TAG IMAGE… or stowage index -o FILE IMAGE….",
    );
  }
  const registry = await readRegistryAccess(words, speaker);
  const { indexImages } = await import("@stowage/core");
  using progress = speaker.startProgress();
  const result = await indexImages({
    images,
    output,
    format,
    tags,
    annotations: parseSettings("--annotation", words.annotation),
    push: output === undefined ? [reference] : [],
    registry,
    signal: speaker.signal,
    onProgress: progress && ((event) => progress.update(event)),
  });
  if (words.json) await speaker.print(renderJson(result));
  else speaker.tell(renderIndex(result));
  return exitCodes.done;
}
