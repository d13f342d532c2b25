import { Option, type Command } from "commander";
import { parseWholeNumber } from "./pack-words.ts";

/** The words of every verb that gives paths to layers. */
export interface LayeringWords {
  readonly layering?: "expected" | "popularity" | "auto" | "single" | "per-path";
  readonly maxLayers: string;
  readonly previous?: string;
  readonly plan?: string;
  readonly history: readonly string[];
}

/** Gives a verb the options that say how paths share layers. */
export function withLayeringOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--layering <how>", "how paths share layers (default: expected)").choices([
        "expected",
        "popularity",
        "auto",
        "single",
        "per-path",
      ]),
    )
    .option("--max-layers <n>", "layers of the image, 2 to 125", "100")
    .option(
      "--previous <image>",
      "keep layers of an earlier image; or of its plan: those whose paths are all still there",
    )
    .option("--plan <file>", "take the layers of what plan --json printed")
    .addOption(
      new Option(
        "--history <file>",
        "learn rates of change from an earlier release; oldest first, may be repeated",
      )
        .argParser((value: string, before: readonly string[]) => [...before, value])
        .default([], "none"),
    );
}

/** The same as options of the library. */
export function readLayering(words: LayeringWords): {
  readonly layering: LayeringWords["layering"];
  readonly maxLayers: number;
  readonly previous: string | undefined;
  readonly plan: string | undefined;
  readonly history: readonly string[];
} {
  const { layering, previous, plan, history } = words;
  return { layering, maxLayers: parseWholeNumber("--max-layers", words.maxLayers), previous, plan, history };
}
