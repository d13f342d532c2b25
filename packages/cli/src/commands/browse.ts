import { Command } from "commander";
import type { Sorting } from "../browse/browsed-closure.ts";
import { exitCodes } from "../exit-codes.ts";
import { makeStyle } from "../render/style.ts";
import type { Speaker } from "../speaker.ts";
import { choice, readSource, withSourceOptions, type ClosureWords } from "./closure-words.ts";
import { UsageError } from "./usage-error.ts";
import type { Verb } from "./verb.ts";

export function browseCommand(): Verb {
  const command = withSourceOptions(
    new Command("browse")
      .summary("walk through a closure as a tree, in the terminal")
      .description(
        "Walk through the closure of all targets as a tree of references, with sizes: open and close, sort, search, ask why a path is there and what refers to it. ? lists the keys, q leaves.\n\n  stowage browse result\n  stowage browse app.tar --sort closure",
      )
      .argument("[target...]", "a result link, store path, path inside one, or image"),
  ).addOption(
    choice("--sort <by>", "what comes first; s changes it", ["added", "closure", "size", "name"], "added"),
  );
  return {
    command,
    action: (speaker, parsed) => runBrowse(speaker, parsed.args, parsed.opts<BrowseWords>()),
  };
}

interface BrowseWords extends ClosureWords {
  readonly sort: Sorting;
}

async function runBrowse(speaker: Speaker, targets: readonly string[], words: BrowseWords): Promise<number> {
  const { stdin, stdout } = process;
  const isTerminal = stdin.isTTY && stdout.isTTY && process.env["TERM"] !== "dumb";
  if (!isTerminal) {
    throw new UsageError(
      "browse needs a terminal, for its keys (stdin) and for what it shows (stdout)",
      "In a pipe or a script, stowage ls --tree prints the same tree.",
    );
  }
  const source = await readSource(speaker, targets, words);
  const core = await import("@stowage/core/explain");
  const { graph } = await core.loadClosure(source);
  const [{ browse }, { browseClosure }] = await Promise.all([
    import("../browse/browse.ts"),
    import("../browse/browsed-closure.ts"),
  ]);
  await browse(browseClosure(graph), {
    input: stdin,
    output: stdout,
    sorting: words.sort,
    style: makeStyle(speaker.options.color, stdout, process.env),
    signal: speaker.signal,
  });
  return exitCodes.done;
}
