import type { Analysis, AnalyzedPath, Cut, ReconciledPath } from "@stowage/core";
import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderJson } from "../render/json.ts";
import { renderCuts, renderPaths, renderTree } from "../render/ls.ts";
import { renderReconciliation } from "../render/reconcile.ts";
import { makeStyle } from "../render/style.ts";
import type { Speaker } from "../speaker.ts";
import { choice, readNumber, readSource, withClosureOptions, type ClosureWords } from "./closure-words.ts";
import { UsageError } from "./usage-error.ts";
import type { Verb } from "./verb.ts";

const sortings = ["size", "added", "closure", "name"] as const;

export function lsCommand(): Verb {
  const command = withClosureOptions(
    new Command("ls")
      .summary("list what is in a closure, with sizes")
      .description(
        "List what is in the closure of all targets: its own size, what the closure would lose without it (added), its size with all it needs (closure), how many paths refer to it.\n\n  stowage ls result --limit 20\n  stowage ls result --tree --depth 3\n  stowage ls result --cut\n  stowage ls result --reconcile",
      )
      .argument("[target...]", "a result link, store path, path inside one, or image"),
  )
    .option("--tree", "as a tree of references; what stood above already is marked")
    .option("--cut", "what cutting references near the targets would save")
    .addOption(choice("--sort <by>", "largest first, or by name", sortings, "added"))
    .option("--limit <n>", "rows that people see; JSON is always whole (default: all)")
    .option("--depth <n>", "steps below the targets, of --tree (default: all) and --cut (default: 2)")
    .option("--name <pattern>", "only packages with this name or name-version; * and ? stand for others")
    .option(
      "--reconcile",
      "each path as NAR, on disk, in a layer, compressed; and why that differs; NARs of a binary cache are fetched for it",
    )
    .option("--compression <codec>", "of --reconcile: gzip, zstd or none (default: zstd)")
    .option("--on-disk", "also what each path takes up on this machine's disk");
  return { command, action: (speaker, parsed) => runLs(speaker, parsed, parsed.opts<LsWords>()) };
}

interface LsWords extends ClosureWords {
  readonly tree?: boolean;
  readonly cut?: boolean;
  readonly sort: (typeof sortings)[number];
  readonly limit?: string;
  readonly depth?: string;
  readonly name?: string;
  readonly onDisk?: boolean;
  readonly reconcile?: boolean;
  readonly compression?: string;
}

/** What would change nothing is refused: whoever wrote it means something. */
function refuseClashes(words: LsWords, isSortChosen: boolean): void {
  if (words.tree && words.cut)
    throw new UsageError("--tree and --cut are two different answers", "Take one.");
  if (words.reconcile && (words.tree || words.cut || words.onDisk))
    throw new UsageError("--reconcile is an answer of its own", "Leave --tree, --cut and --on-disk out.");
  if (words.compression !== undefined && !words.reconcile)
    throw new UsageError("--compression is of --reconcile", "Add --reconcile.");
  const isTable = !words.tree && !words.cut;
  if (!isTable && words.name !== undefined)
    throw new UsageError("--name chooses rows of the table, not of --tree or --cut");
  if (!isTable && words.onDisk) throw new UsageError("--on-disk adds to the table, not to --tree or --cut");
  if (isTable && words.depth !== undefined)
    throw new UsageError("--depth is of --tree and --cut; the table has all paths");
  if (words.cut && isSortChosen)
    throw new UsageError("--cut is sorted by what is saved; --sort is of the table and of --tree");
}

async function runLs(speaker: Speaker, parsed: Command, words: LsWords): Promise<number> {
  const limit = readNumber("--limit", words.limit);
  const depth = readNumber("--depth", words.depth);
  refuseClashes(words, parsed.getOptionValueSource("sort") !== "default");
  const source = await readSource(speaker, parsed.args, words);
  const core = await import("@stowage/core/explain");
  const style = makeStyle(speaker.options.color, process.stdout, process.env);

  if (words.cut) {
    const { graph } = await core.loadClosure(source);
    const cuts: readonly Cut[] = core.adviseCuts(graph, { depth });
    await speaker.print(words.json ? renderJson({ cuts }) : renderCuts(cuts, { limit, style }));
    return exitCodes.done;
  }
  if (words.reconcile) {
    if (words.sort === "closure") throw new UsageError("--reconcile has no closure sizes to sort by");
    const { reconcile } = await import("@stowage/core");
    const answer = await reconcile({ ...source, compression: words.compression });
    const { name } = words;
    const paths = answer.paths
      .filter((path) => name === undefined || core.matchesPackage(name, path))
      .toSorted(compareNarSizes(words.sort === "name"));
    const sorted = { ...answer, paths };
    await speaker.print(words.json ? renderJson(sorted) : renderReconciliation(sorted, { limit, style }));
    return exitCodes.done;
  }
  if (words.tree) {
    const { graph } = await core.loadClosure(source);
    const analysis = core.describeClosure(graph);
    const rows = core.treeRows(graph, { depth, compare: byPosition(analysis, words.sort) });
    if (words.json) {
      const plain = rows.map(({ path, depth: steps, repeated, hidden }) => ({
        path,
        depth: steps,
        repeated,
        hidden,
      }));
      await speaker.print(renderJson({ rows: [...plain] }));
    } else {
      await speaker.print(renderTree(rows, analysis, { limit, style }));
    }
    return exitCodes.done;
  }
  const analysis = await core.analyze({ ...source, onDisk: words.onDisk });
  const { name } = words;
  const matching =
    name === undefined ? analysis.paths : analysis.paths.filter((path) => core.matchesPackage(name, path));
  const sorted = { ...analysis, paths: matching.toSorted(comparePaths(words.sort)) };
  await speaker.print(words.json ? renderJson(sorted) : renderPaths(sorted, { limit, style }));
  return exitCodes.done;
}

/** Largest first; equal sizes, and names, in path order. */
function comparePaths(by: LsWords["sort"]): (a: AnalyzedPath, b: AnalyzedPath) => number {
  const byPath = (a: AnalyzedPath, b: AnalyzedPath): number => (a.path < b.path ? -1 : 1);
  const nameOf = ({ path }: AnalyzedPath): string => path.slice(path.lastIndexOf("/") + 34);
  const compareNames = (a: AnalyzedPath, b: AnalyzedPath): number =>
    nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : byPath(a, b);
  switch (by) {
    case "name":
      return compareNames;
    case "size":
      return (a, b) => b.narSize - a.narSize || compareNames(a, b);
    case "closure":
      return (a, b) => b.closureSize - a.closureSize || compareNames(a, b);
    case "added":
      return (a, b) => b.addedSize - a.addedSize || compareNames(a, b);
  }
}

/** Largest first, or by name; then in path order. */
function compareNarSizes(byName: boolean): (a: ReconciledPath, b: ReconciledPath) => number {
  const nameOf = ({ path }: ReconciledPath): string => path.slice(path.lastIndexOf("/") + 34);
  return (a, b) =>
    (byName ? 0 : b.narSize - a.narSize) ||
    (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : a.path < b.path ? -1 : 1);
}

function byPosition({ paths }: Analysis, by: LsWords["sort"]): (a: number, b: number) => number {
  const compare = comparePaths(by);
  return (a, b) => compare(paths[a] as AnalyzedPath, paths[b] as AnalyzedPath);
}
