import {
  digestSink,
  familiarName,
  PLAIN_TAR,
  type ImageDraft,
  type ImageName,
  type LayerWriteOptions,
  type WrittenImage,
  type WrittenLayer,
} from "@stowage/oci";
import { writeLoadStream, type LoadedStream } from "@stowage/oci/internal";
import { CoreError } from "../errors.ts";
import { engineFailed, type Engine, type EngineContents, type EngineName } from "./engine.ts";

/** What an engine was given. */
export interface LoadedImage {
  readonly engine: EngineName;
  /** Names it is there under. */
  readonly names: readonly string[];
  /** Bytes that were sent; layers that it had are not. */
  readonly sent: number;
  /** Of all the image's layers, how many were sent. */
  readonly layersSent: number;
}

/**
 * Loads an image into an engine, its layers plain; those that it has are left out, and where it turns out that it has not
 * all of them, everything is sent.
 * @param contents what the engine was found to have
 * @throws CoreError `engine-missing`, `engine-failed`
 */
export async function loadDraft(
  draft: ImageDraft,
  { engine, contents }: { readonly engine: Engine; readonly contents: EngineContents },
  options: LayerWriteOptions & { readonly known: readonly WrittenLayer[] | undefined },
): Promise<{ readonly loaded: LoadedImage; readonly written: WrittenImage }> {
  const { signal } = options;
  const there = await findThere(draft, contents, options);
  let written: LoadedStream;
  let layersSent = (draft.base?.layers.length ?? 0) + draft.layers.length - there.size;
  try {
    written = await send(draft, { engine, there }, options);
  } catch (error) {
    const isRefused = error instanceof CoreError && error.code === "engine-failed";
    if (!isRefused || there.size === 0) throw error;
    signal?.throwIfAborted();
    layersSent += there.size;
    written = await send(draft, { engine, there: new Map() }, { signal });
  }
  await requireImage(engine, { names: draft.names, written }, signal);
  const names = draft.names.map(familiarName);
  return { loaded: { engine: engine.name, names, sent: written.sent, layersSent }, written };
}

function send(
  draft: ImageDraft,
  { engine, there }: { readonly engine: Engine; readonly there: ReadonlyMap<number, WrittenLayer> },
  { signal, onBytes }: LayerWriteOptions,
): Promise<LoadedStream> {
  const { form, fullNames } = engine;
  return engine.load(
    (input) => writeLoadStream(input, draft, { form, fullNames, there, signal, onBytes }),
    signal,
  );
}

/**
 * The layers that the engine has. Where it has another image of this name, layers that nobody remembers are worth being hashed
 * for it: unpacking one takes an engine many times longer.
 */
async function findThere(
  draft: ImageDraft,
  contents: EngineContents,
  {
    known,
    signal,
  }: { readonly known: readonly WrittenLayer[] | undefined; readonly signal?: AbortSignal | undefined },
): Promise<ReadonlyMap<number, WrittenLayer>> {
  const own =
    known ??
    (draft.names.some((name) => contents.hasRepository(name))
      ? (await digestSink().write({ ...draft, compression: undefined }, { signal })).layers
      : await Promise.all(draft.layers.map((layer) => layer.recall(PLAIN_TAR))));
  const all = [...(draft.base?.layers ?? []), ...own];
  const isThere = contents.findLayers(all);
  return new Map(
    all.flatMap((layer, index) => (layer !== undefined && isThere[index] ? [[index, layer] as const] : [])),
  );
}

/** That the image is there under each name. */
async function requireImage(
  engine: Engine,
  { names, written }: { readonly names: readonly ImageName[]; readonly written: WrittenImage },
  signal: AbortSignal | undefined,
): Promise<void> {
  const digest = engine.form === "oci" ? written.manifestDigest : written.imageId;
  for (const name of names) {
    const found = await engine.findDigest(name, signal);
    if (found !== digest)
      throw engineFailed(engine.name, `it has ${found ?? "nothing"} as ${familiarName(name)}, not ${digest}`);
  }
}
