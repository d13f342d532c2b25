import {
  DEFAULT_STORE_DIR,
  isStorePathBaseName,
  makeClosure,
  parseStorePath,
  type Closure,
  type PathInfo,
  type StorePath,
} from "@stowage/nix";
import {
  inspectLayer,
  OciError,
  readContents,
  type ImageLayer,
  type ImageSource,
  type Platform,
  type LayerVisitor,
  type PathEntry,
} from "@stowage/oci";
import { imagesFor } from "@stowage/oci/internal";
import { CoreError } from "../errors.ts";
import { buildGraph, infoAt } from "../graph/closure-graph.ts";
import type { ReadProgress } from "../inspect-options.ts";
import { countedBlob, totalSize } from "../inspect/counted-blob.ts";
import { unreferenced } from "../graph/unreferenced.ts";
import { StorePathBudget, type LayerStorePath } from "../verify/store-visitor.ts";
import { ReferenceVisitor } from "./reference-visitor.ts";

/** What the layers of an image hold of the store. */
export interface LayersClosure {
  /** Its roots are what nothing else in the image refers to. */
  readonly closure: Closure;
  /** Each layer that has some, from the bottom up, numbered from 0. */
  readonly layers: readonly { readonly number: number; readonly paths: readonly StorePath[] }[];
}

/** Which image is meant, and who is told of both readings together. */
interface LayersClosureOptions {
  readonly platform: Platform | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: ReadProgress) => void) | undefined;
}

/**
 * Makes out the closure of an image that records none, as one by nixpkgs' dockerTools or nix2container: paths, hashes and sizes
 * from its entries, references by what they name. The layers are read twice, as only then it is known which hashes are
 * names. What is named and not in the image is no reference here.
 * @throws OciError `image-corrupted`, …
 * @throws CoreError `not-found` where there are no store paths
 */
export async function readLayersClosure(
  source: ImageSource,
  options: LayersClosureOptions,
): Promise<LayersClosure> {
  const { place: image } = source;
  const { signal, onProgress } = options;
  const contents = await readContents(source, signal);
  const images = contents.images.filter(({ isArtifact }) => !isArtifact);
  const layers = imagesFor(options.platform, images, image)[0]?.layers ?? [];
  const total = 2 * totalSize(layers.map(({ blob }) => blob));
  let read = 0;
  const count = (bytes: number): void => onProgress?.({ phase: "read", read: (read += bytes), total });
  const storeDir = DEFAULT_STORE_DIR;
  const names = new Set<StorePath>();
  const visitor = new NameVisitor(storeDir, names);
  for (const layer of layers) await readLayer(image, layer, visitor, { signal, count });
  if (names.size === 0) {
    throw new CoreError("not-found", `'${image}' holds no store paths, and has no record of any`, {
      path: image,
      hint: "Look at it with stowage inspect.",
    });
  }
  const references = new Map<StorePath, Set<StorePath>>();
  const found: LayerStorePath[][] = [];
  for (const layer of layers) {
    const visitor = new ReferenceVisitor(storeDir, [...names], references);
    await readLayer(image, layer, visitor, { signal, count });
    found.push([...visitor.finish()]);
  }
  const infos = new Map<StorePath, PathInfo>();
  for (const { path, nar, failure } of found.flat()) {
    if (nar === undefined) throw notWhole(image, path, failure?.reason);
    const known = infos.get(path);
    if (known !== undefined && known.narHash !== nar.hash)
      throw notWhole(image, path, "it is there twice, and differs");
    infos.set(path, {
      path,
      narHash: nar.hash,
      narSize: nar.size,
      references: [...(references.get(path) ?? [])].toSorted(),
    });
  }
  const all = buildGraph(makeClosure(storeDir, [], [...infos.values()]));
  const roots = unreferenced(all).map((position) => infoAt(all, position).path);
  return {
    closure: makeClosure(storeDir, roots, [...infos.values()]),
    layers: found
      .map((held, number) => ({ number, paths: [...new Set(held.map(({ path }) => path))] }))
      .filter(({ paths }) => paths.length > 0),
  };
}

/** Takes down the store paths that stand in a layer themselves, not just something below them. */
class NameVisitor implements LayerVisitor {
  readonly #prefix: string;
  readonly #names: Set<StorePath>;
  readonly #budget = new StorePathBudget();

  constructor(storeDir: string, names: Set<StorePath>) {
    this.#prefix = `${storeDir.slice(1)}/`;
    this.#names = names;
  }

  entry({ path }: PathEntry): "claimed" {
    const text = path.toString("latin1");
    const name = text.slice(this.#prefix.length);
    if (text.startsWith(this.#prefix) && isStorePathBaseName(name)) {
      this.#budget.take();
      this.#names.add(parseStorePath(`/${text}`));
    }
    return "claimed";
  }

  contents(): void {}
}

async function readLayer(
  image: string,
  { blob, name, digest, diffId }: ImageLayer,
  visitor: LayerVisitor,
  { signal, count }: { readonly signal: AbortSignal | undefined; readonly count: (bytes: number) => void },
): Promise<void> {
  const corrupted = (reason: string): OciError =>
    new OciError("image-corrupted", `'${image}' is not an image that can be read: ${reason}`, {
      path: image,
      hint: "Look at it with stowage verify.",
    });
  if (blob === undefined) throw corrupted(`the layer ${name} is missing`);
  const facts = await inspectLayer(countedBlob(blob, count), { signal, visitor });
  if (!facts.isWhole)
    throw corrupted(`the layer ${name}: ${facts.findings[0]?.message ?? "it cannot be read"}`);
  const isOther =
    (digest !== undefined && digest !== facts.stored.digest) ||
    (diffId !== undefined && diffId !== facts.diffId);
  if (isOther) throw corrupted(`the layer ${name} is not what its digest says`);
}

function notWhole(image: string, path: StorePath, reason = "it is cut off"): OciError {
  return new OciError("image-corrupted", `${path} in '${image}' is not whole: ${reason}`, {
    path,
    hint: "Look at it with stowage verify.",
  });
}
