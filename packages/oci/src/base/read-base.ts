import { OciError } from "../errors.ts";
import type { ImageFindingCode } from "../finding.ts";
import type { BaseLayer, DraftBase } from "../image-draft.ts";
import { SpoolFile } from "../sink/spool-file.ts";
import { BlobCheck } from "../source/blob-check.ts";
import type { Contents, ImageContents } from "../source/contents.ts";
import type { ImageSource, StoredBlob } from "../source/image-source.ts";
import type { HistoryEntry } from "../spec/config.ts";
import { layerMediaType } from "../spec/media-types.ts";
import type { Platform } from "../spec/platform.ts";
import { inspectLayer, type LayerFacts, type LayerVisitor } from "../verify/inspect-layer.ts";
import type { LayerTree } from "../verify/layer-tree.ts";
import { verifyContents, type VerifiedImage } from "../verify/verify-contents.ts";
import { chooseImage } from "./choose-image.ts";
import { keepBytes } from "./keep-bytes.ts";
import { readLayerFile } from "./read-layer-file.ts";

/** An image that another is put on, each of its bytes compared with what its documents say. */
export interface BaseImage extends DraftBase, AsyncDisposable {
  readonly platform: Platform;
  /** Its config as it is (OCI image spec, config.md). */
  readonly config: Readonly<Record<string, unknown>>;
  /** The file system that its layers make. */
  readonly tree: LayerTree;
  /**
   * The contents of a file, symlinks followed inside the image; undefined where there is no such file.
   * @throws OciError `image-corrupted` for one of more bytes than allowed
   */
  readFile(path: string, options: { readonly maxBytes: number }): Promise<Buffer | undefined>;
}

/** Which image is meant, and what is known of its layers. */
export interface ReadBaseOptions {
  /** Of several images, that for this platform; an only one has to be for it. */
  readonly platform: Platform | undefined;
  /** Who looks at a layer's entries; asked once for each layer that is read, by its name, from the bottom up. */
  visitor?(layer: string): LayerVisitor;
  /** What is known of a layer that was read whole before: it is not read again. In a registry its name is its digest. */
  recall?(layer: string): LayerFacts | undefined;
  /** Told of each layer that was read. */
  learned?(layer: string, facts: LayerFacts): void;
  readonly signal?: AbortSignal | undefined;
  /** Told of the stored bytes as they are read, with how many there are. */
  readonly onBytes?: ((bytes: number, total: number) => void) | undefined;
}

/**
 * What is odd in a base and no reason to refuse it: how runtimes see it is the business of who made it. Everything else
 * makes bytes doubtful, or which are meant.
 */
const tolerated = new Set<ImageFindingCode>([
  "blob-unreferenced",
  // Layers that umoci 0.4.7 inserts end in the middle of a block, and everything loads them. Their diffIDs are compared.
  "tar-end",
  "tar-truncated",
  "history-count",
  "entry-type",
  "entry-duplicate",
  "entry-through-link",
  "parent-missing",
  "link-outside",
  "link-missing",
  "whiteout",
]);

/**
 * Reads the image that another is to be put on: all its layers that nobody knows, once, with digests, sizes and diffIDs compared.
 * @param contents what the source's documents say
 * @throws OciError `platform-mismatch`; `image-corrupted` with the first thing that is wrong; `image-unreadable`
 */
export async function readBase(
  source: ImageSource,
  contents: Contents,
  options: ReadBaseOptions,
): Promise<BaseImage> {
  const { image, platform } = chooseImage(contents, options.platform, source.place);
  await using stack = new AsyncDisposableStack();
  const kept = await keepIfFar(source, image, stack);
  const others = new Set<string | undefined>(
    contents.images.filter((other) => other !== image).map(({ manifestDigest }) => manifestDigest),
  );
  const findings = contents.findings.filter(({ member }) => member === undefined || !others.has(member));
  const verified = await verifyContents(
    { images: [kept], unreferenced: [], findings },
    { signal: options.signal, inspect: inspector(kept, options) },
  );
  const wrong = verified.findings.find(({ code }) => !tolerated.has(code));
  if (wrong !== undefined) {
    const where = wrong.entry ?? wrong.member ?? "";
    throw corrupted(source.place, `${where}${where === "" ? "" : ": "}${wrong.message}`);
  }
  const made = verified.images[0] as VerifiedImage;
  const layers = made.layers.map((facts, index): BaseLayer => {
    const { blob, diffId } = kept.layers[index] as { blob: StoredBlob; diffId: BaseLayer["diffId"] };
    return describeLayer(facts as LayerFacts, { blob, diffId, place: source.place });
  });
  const disposal = stack.move();
  return {
    platform,
    config: image.config?.document ?? {},
    history: historyOf(image),
    layers,
    tree: made.tree,
    readFile: (path, { maxBytes }) =>
      readLayerFile(
        made.tree,
        kept.layers.map(({ blob }) => blob as StoredBlob),
        { path, maxBytes, signal: options.signal },
      ),
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}

/** What is far away is fetched once, into a file that is gone with the process. */
async function keepIfFar(
  { form }: ImageSource,
  image: ImageContents,
  stack: AsyncDisposableStack,
): Promise<ImageContents> {
  if (form === "archive" || form === "oci-dir") return image;
  const spool = stack.use(await SpoolFile.create());
  const keep = keepBytes(spool);
  return {
    ...image,
    layers: image.layers.map((layer) => ({ ...layer, blob: layer.blob && keep(layer.blob) })),
  };
}

function inspector(
  image: ImageContents,
  { signal, onBytes, ...options }: ReadBaseOptions,
): (blob: StoredBlob) => Promise<LayerFacts> {
  const blobs = new Map(image.layers.map(({ blob }) => [blob?.name, blob?.size ?? 0]));
  const total = [...blobs.values()].reduce((sum, size) => sum + size, 0);
  return async (blob) => {
    const known = options.recall?.(blob.name);
    if (known !== undefined) {
      onBytes?.(blob.size, total);
      return known;
    }
    const counted: StoredBlob = {
      ...blob,
      async *chunks(signal) {
        for await (const chunk of blob.chunks(signal)) {
          yield chunk;
          onBytes?.(chunk.length, total);
        }
      },
    };
    const facts = await inspectLayer(counted, { signal, visitor: options.visitor?.(blob.name) });
    options.learned?.(blob.name, facts);
    return facts;
  };
}

function describeLayer(
  { stored, compression }: LayerFacts,
  {
    blob,
    diffId,
    place,
  }: { readonly blob: StoredBlob; readonly diffId: BaseLayer["diffId"]; readonly place: string },
): BaseLayer {
  return {
    ...stored,
    diffId,
    mediaType: layerMediaType(compression === "none" ? undefined : compression),
    async *chunks(signal) {
      const check = new BlobCheck();
      for await (const chunk of blob.chunks(signal)) {
        check.update(chunk);
        yield chunk;
      }
      const { digest, size } = check.finish();
      if (digest !== stored.digest || size !== stored.size)
        throw corrupted(place, `the layer ${blob.name} changed while it was read`);
    },
  };
}

/** The history as it is; one that does not tell of each layer is no use, and an entry stands for each instead. */
function historyOf({ config, layers }: ImageContents): HistoryEntry[] {
  const history = (config?.document["history"] ?? []) as readonly HistoryEntry[];
  const made = history.filter((entry) => entry.empty_layer !== true).length;
  if (made !== layers.length) return layers.map(() => ({ comment: "of the base" }));
  return history.map((entry) => inOrder(entry, historyKeys) as HistoryEntry);
}

const historyKeys = ["created", "created_by", "author", "comment", "empty_layer"];

/** What is known, in one order: tools write the same in several. */
function inOrder(entry: object, keys: readonly string[]): object {
  const fields = entry as Readonly<Record<string, unknown>>;
  const known = keys.map((key) => [key, fields[key]] as const);
  return Object.fromEntries(known.filter(([, value]) => value !== undefined && value !== false));
}

function corrupted(place: string, reason: string): OciError {
  return new OciError("image-corrupted", `'${place}' cannot be a base: ${reason}`, {
    path: place,
    hint: "Look at it with stowage verify, and get it again.",
  });
}
