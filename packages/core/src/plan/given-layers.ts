import type { StorePath } from "@stowage/nix";
import { CoreError } from "../errors.ts";
import type { ClosureGraph } from "../graph/closure-graph.ts";

/**
 * The layers of a plan that was made before, for a closure that they have to fit: every path in exactly one.
 * @throws CoreError `plan-invalid` naming the first path that does not fit
 */
export function givenLayers(
  graph: ClosureGraph,
  layers: readonly (readonly StorePath[])[],
  limit: number,
): StorePath[][] {
  const fail = (problem: string, path?: StorePath): CoreError =>
    new CoreError("plan-invalid", `the plan does not fit the closure: ${problem}`, {
      ...(path === undefined ? {} : { path }),
      hint: "Make a new one with stowage plan --json; to keep what can be kept of this one, give it as --previous.",
    });
  const full = layers.filter((layer) => layer.length > 0);
  const seen = new Set<StorePath>();
  for (const path of full.flat()) {
    if (seen.has(path)) throw fail(`${path} is in it twice`, path);
    if (graph.positionOf(path) === undefined) throw fail(`${path} is not in the closure`, path);
    seen.add(path);
  }
  const missing = graph.infos.find(({ path }) => !seen.has(path));
  if (missing !== undefined) throw fail(`${missing.path} is in no layer`, missing.path);
  if (full.length > limit) {
    throw fail(`it has ${full.length} layers, and there is room for ${limit} besides the image's own`);
  }
  return full.map((layer) => [...layer]);
}
