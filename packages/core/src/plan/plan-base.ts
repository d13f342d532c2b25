import type { StorePath } from "@stowage/nix";
import { parsePlatform } from "@stowage/oci";
import { openBase } from "../base/open-base.ts";
import { readBaseImage, type Base } from "../base/read-base-image.ts";
import type { ClosureGraph } from "../graph/closure-graph.ts";
import type { ImageClosureOptions } from "../image-closure.ts";

/** The image that another is to be put on, as far as layers go. */
export interface PlanBase {
  /** The word that named it. */
  readonly from: string;
  /** Layers it has, which count towards the limit. */
  readonly layers: number;
  /** Paths of the closure that it has already: they need no layer. */
  readonly paths: readonly StorePath[];
}

/**
 * Reads the image that a closure is to be put on, whole, as a pack does; undefined where none is named.
 * @throws OciError `image-missing`, `image-corrupted`, `platform-mismatch` where it is several and nothing says which, …
 * @throws CoreError `place-clash` where it has something else at a place of the store
 */
export async function readPlanBase(
  request: ImageClosureOptions & { readonly base?: string | undefined },
  graph: ClosureGraph,
): Promise<Base | undefined> {
  const { base, platform, registry, environment = process.env, signal } = request;
  if (base === undefined) return undefined;
  const wanted = platform === undefined ? undefined : parsePlatform(platform);
  await using opened = await openBase(base, { registry, environment, signal });
  const { storeDir, infos } = graph;
  return await readBaseImage(opened, { platform: wanted, storeDir, infos, environment, signal });
}

export function describeBase({ word, image, storePaths }: Base): PlanBase {
  return { from: word, layers: image.layers.length, paths: [...storePaths].toSorted() };
}
