import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderInspection, renderLayers } from "../render/inspect.ts";
import { renderFiles } from "../render/inspect-files.ts";
import { renderJson } from "../render/json.ts";
import { makeStyle } from "../render/style.ts";
import type { Speaker } from "../speaker.ts";
import { readNumber } from "./closure-words.ts";
import { readImageAccess, readImageWord, withImageOptions, type ImageWords } from "./image-words.ts";
import { UsageError } from "./usage-error.ts";
import type { Verb } from "./verb.ts";

export function inspectCommand(): Verb {
  const command = withImageOptions(
    new Command("inspect")
      .summary("what an image holds, layer by layer, and its waste")
      .description(
        "Explain an image, whoever made it: layers, their sizes stored and plain, the store paths in each, how it is started, how it came to be, and what is waste: files that a layer above hides, and the same contents at several places. Exit status 1 where something is wrong with it.\n\n  stowage inspect app.tar\n  stowage inspect app.tar --layers\n  stowage inspect app.tar --files 3\n  stowage inspect registry.example/app:1",
      )
      .argument(
        "<image>",
        "an image archive, a layout directory, a reference in a registry, or - for an archive on stdin (a file, no pipe)",
      ),
  )
    .option("--layers", "each layer with all its store paths")
    .option("--files <layer>", "the files of one layer: its number, from 0 at the bottom, or its digest")
    .option("--limit <n>", "rows that people see of each list (default: 10); JSON is always whole")
    .option("--json", "print the answer as JSON");
  return {
    command,
    action: (speaker, parsed) => runInspect(speaker, parsed.args, parsed.opts<InspectWords>()),
  };
}

interface InspectWords extends ImageWords {
  readonly layers?: boolean;
  readonly files?: string;
  readonly limit?: string;
  readonly json?: boolean;
}

async function runInspect(speaker: Speaker, args: readonly string[], words: InspectWords): Promise<number> {
  if (words.layers && words.files !== undefined)
    throw new UsageError("--layers and --files are two different answers", "Take one.");
  const limit = readNumber("--limit", words.limit);
  const image = readImageWord(args[0] ?? "");
  const access = await readImageAccess(words, speaker);
  const core = await import("@stowage/core");
  const style = makeStyle(speaker.options.color, process.stdout, process.env);

  if (words.files !== undefined) {
    const answer = await core.inspectFiles({ ...access, image }, words.files);
    await speaker.print(words.json ? renderJson(answer) : renderFiles(answer, { limit, style }));
    return conclude(speaker, image, answer.findings);
  }
  using progress = speaker.startProgress();
  const answer = await core.inspect({
    ...access,
    image,
    onProgress: progress && ((event) => progress.update(event)),
  });
  const render = words.layers ? renderLayers : renderInspection;
  await speaker.print(words.json ? renderJson(answer) : render(answer, { limit, style }));
  return conclude(speaker, image, answer.findings);
}

const FINDINGS_SHOWN = 3;

function conclude(
  speaker: Speaker,
  image: string,
  findings: readonly { readonly message: string; readonly layer?: number; readonly member?: string }[],
): number {
  for (const { message, layer, member } of findings.slice(0, FINDINGS_SHOWN)) {
    const where = layer === undefined ? member : `layer ${layer}`;
    speaker.warn(where === undefined ? message : `${where}: ${message}`);
  }
  if (findings.length > FINDINGS_SHOWN)
    speaker.warn(`and ${findings.length - FINDINGS_SHOWN} more findings: stowage verify ${image}`);
  return findings.length === 0 ? exitCodes.done : exitCodes.finding;
}
