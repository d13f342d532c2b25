import type { Chain, LoadedClosure, PreciseReference } from "@stowage/core";
import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import { renderJson } from "../render/json.ts";
import { makeStyle } from "../render/style.ts";
import { renderChains } from "../render/why.ts";
import type { Speaker } from "../speaker.ts";
import { readNumber, readSource, withClosureOptions, type ClosureWords } from "./closure-words.ts";
import { UsageError } from "./usage-error.ts";
import type { Verb } from "./verb.ts";

const DEFAULT_LIMIT = "100";
/** Places of one reference that people see; JSON has all. */
const SHOWN_PLACES = 5;

export function whyCommand(): Verb {
  const command = withClosureOptions(
    new Command("why")
      .summary("why something is in a closure")
      .description(
        "Why the closure of a target holds a dependency: the shortest chain of references that leads to it. Exit status 1 where there is none.\n\n  stowage why result openssl\n  stowage why result glibc --all --limit 20\n  stowage why result openssl --precise",
      )
      .usage("[options] [target...] <dependency>")
      .argument("[words...]", "the target, then the dependency: a store path, a link, or a package's name"),
  )
    .option("--all", "all chains that pass nothing twice, shortest first")
    .option("--limit <n>", "chains that --all gives at most", DEFAULT_LIMIT)
    .option("--precise", "in which files and where in them each reference is");
  return { command, action: (speaker, parsed) => runWhy(speaker, parsed.args, parsed.opts<WhyWords>()) };
}

interface WhyWords extends ClosureWords {
  readonly all?: boolean;
  readonly limit: string;
  readonly precise?: boolean;
}

async function runWhy(speaker: Speaker, args: readonly string[], words: WhyWords): Promise<number> {
  const targets = args.slice(0, -1);
  const dependency = args.at(-1);
  const limit = readNumber("--limit", words.limit) as number;
  if (limit === 0) throw new UsageError("--limit: no chain at all would be no answer", "Take 1 or more.");
  if (dependency === undefined || (targets.length === 0 && words.graph === undefined)) {
    throw new UsageError("which dependency?", "Write stowage why TARGET DEPENDENCY.");
  }
  const source = await readSource(speaker, targets, words);
  const core = await import("@stowage/core/explain");
  const loaded = await core.loadClosure(source);
  const { graph } = loaded;
  const wanted = await loaded.find(dependency);
  const { chains, complete } = words.all
    ? await core.takeChains(graph, { from: graph.roots, to: wanted, limit, signal: speaker.signal })
    : {
        chains: [core.shortestChain(graph, graph.roots, wanted)].filter((chain) => chain !== undefined),
        complete: true,
      };
  const references = words.precise
    ? await findAll(core, loaded, {
        chains,
        limit: words.json ? Number.POSITIVE_INFINITY : SHOWN_PLACES,
        speaker,
      })
    : undefined;

  if (words.json) {
    const paths = wanted.map((position) => graph.infos[position]?.path);
    const answer = { dependency: { given: dependency, paths }, complete, chains };
    await speaker.print(renderJson(references === undefined ? answer : { ...answer, references }));
  } else if (chains.length > 0) {
    const style = makeStyle(speaker.options.color, process.stdout, process.env);
    await speaker.print(renderChains(chains, { complete, references: references ?? [], style }));
  }
  if (chains.length > 0) return exitCodes.done;
  if (!words.json) {
    const similar = wanted.length === 0 ? core.similarNames(graph, dependency) : [];
    speaker.tell(explainNone(targets, dependency, similar));
  }
  return exitCodes.finding;
}

function explainNone(targets: readonly string[], dependency: string, similar: readonly string[]): string {
  const subject = targets.length === 0 ? "the closure" : targets.join(", ");
  const others = similar.length === 0 ? "" : `\n  but it holds ${similar.join(", ")}`;
  return `${subject} does not depend on ${dependency}${others}`;
}

/** Each reference of the chains once; each path is read once for all that it refers to. */
async function findAll(
  core: typeof import("@stowage/core/explain"),
  { open }: LoadedClosure,
  {
    chains,
    limit,
    speaker,
  }: { readonly chains: readonly Chain[]; readonly limit: number; readonly speaker: Speaker },
): Promise<PreciseReference[]> {
  const steps = new Map<Chain[number], Set<Chain[number]>>();
  for (const chain of chains) {
    for (const [index, from] of chain.slice(0, -1).entries()) {
      const targets = steps.get(from) ?? new Set();
      steps.set(from, targets.add(chain[index + 1] as Chain[number]));
    }
  }
  const { signal } = speaker;
  using progress = speaker.startProgress();
  let received = 0;
  const onBytes = (bytes: number): void => {
    received += bytes;
    progress?.update({ phase: "fetch", received });
  };
  const references: PreciseReference[] = [];
  for (const [from, targets] of steps) {
    await using trees = await open([from], { signal, onBytes });
    references.push(
      ...(await core.findReferences(from, [...targets], trees.locate(from), { limit, signal })),
    );
  }
  return references;
}
