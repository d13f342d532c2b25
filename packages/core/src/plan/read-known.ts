import type { ClosureGraph } from "../graph/closure-graph.ts";
import { CoreError } from "../errors.ts";
import { readEarlier, type Earlier, type EarlierOptions } from "./earlier.ts";
import { learnHistory } from "./history.ts";
import type { PlanOptions } from "./plan-layers.ts";
import { mayStand, type EarlierLayers } from "./upgrade.ts";

/** What a plan may start from, as words of the command line or a library call. */
export interface PlanSources {
  /** An image with store paths or what `plan --json` printed: its layers are kept where they can be. */
  readonly previous?: string | undefined;
  /** What `plan --json` printed for this closure: taken as it is. */
  readonly plan?: string | undefined;
  /** Earlier releases, from the oldest to the newest, to learn rates of change from; see {@link readEarlier}. */
  readonly history?: readonly string[] | undefined;
}

/** What planning starts from, read. */
export interface PlanKnown extends Pick<PlanOptions, "history" | "previous" | "given"> {
  /** The earlier image with its closure, where it tells that. */
  readonly earlier: EarlierLayers | undefined;
}

/**
 * Reads what a plan starts from.
 * @throws CoreError `plan-invalid` where something has no layers; what {@link readEarlier} throws
 */
export async function readKnown(
  { previous, plan, history = [] }: PlanSources,
  graph: ClosureGraph,
  options: EarlierOptions,
): Promise<PlanKnown> {
  const before = previous === undefined ? undefined : await readLayers("--previous", previous, options);
  const given = plan === undefined ? undefined : await readLayers("--plan", plan, options);
  const releases = [];
  for (const word of history) releases.push(await readEarlier(word, options));
  return {
    history: learnHistory(releases, graph),
    previous: before?.layers.filter((layer) => mayStand(graph, layer, before)).map(({ paths }) => paths),
    given: given?.layers.map(({ paths }) => paths),
    earlier: before?.graph === undefined ? undefined : { ...before, graph: before.graph },
  };
}

async function readLayers(
  option: string,
  word: string,
  options: EarlierOptions,
): Promise<Earlier & Pick<EarlierLayers, "layers">> {
  const earlier = await readEarlier(word, options);
  const { layers } = earlier;
  if (layers !== undefined) return { ...earlier, layers };
  throw new CoreError("plan-invalid", `${option}: '${word}' has no layers`, {
    path: word,
    hint: "Give an image, or what stowage plan --json printed.",
  });
}
