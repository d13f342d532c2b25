import {
  PLAIN_TAR,
  type ImageDraft,
  type LayerDraft,
  type LayerWriteOptions,
  type StoredForm,
  type WrittenLayer,
} from "../image-draft.ts";
import { measureLayer } from "../sink/measure-layer.ts";
import { WatchedContent, type BlobContent } from "./blob-content.ts";
import { CompressedContent } from "./compressed-content.ts";
import { layerSizesIn } from "./layer-sizes.ts";
import type { RemoteManifest } from "./repository.ts";
import { together } from "./together.ts";
import type { UploadedBlob } from "./upload.ts";

/** A layer of a draft on its way into a registry. */
export interface PushedLayer {
  /** Its bytes, when its turn comes. */
  open(signal?: AbortSignal): Promise<BlobContent>;
  /** What it was before, or is by a pass over its bytes; undefined too where that shows only when it is opened. */
  readonly remembered: WrittenLayer | undefined;
  /** How it is stored. */
  readonly form: StoredForm;
  /** Told of bytes that are sent; undefined where the content tells of others. */
  readonly onBytes: ((bytes: number) => void) | undefined;
  /** What it is, now that it is there. */
  written(blob: UploadedBlob): WrittenLayer;
}

/**
 * What is known of a draft's layers before they are sent. One that nobody remembers is measured first where something suggests
 * that the registry has it: a plain one that is as large as a layer of the image under the tag, a compressed one, whose size
 * nobody knows, where there is an image at all.
 */
export async function describeDraftLayers(
  image: ImageDraft,
  previous: RemoteManifest | undefined,
  options: LayerWriteOptions & { readonly known?: readonly WrittenLayer[] | undefined },
): Promise<PushedLayer[]> {
  const { signal, known } = options;
  const hints = layerSizesIn(previous?.bytes);
  return together(
    [...image.layers.entries()],
    async ([index, layer], signal) => {
      const what = `layer ${index}`;
      const written = known?.[index];
      return image.compression === undefined
        ? describePlain(layer, hints, { ...options, what, written, signal })
        : describeCompressed(layer, image.compression, {
            ...options,
            what,
            written,
            signal,
            isMeasured: previous !== undefined,
          });
    },
    signal,
  );
}

interface DescribeOptions extends LayerWriteOptions {
  readonly what: string;
  readonly written: WrittenLayer | undefined;
}

async function describePlain(
  layer: LayerDraft,
  hints: ReadonlySet<number>,
  { what, written, signal, onBytes }: DescribeOptions,
): Promise<PushedLayer> {
  const recalled = written ?? (await layer.recall(PLAIN_TAR));
  const chunks = (signal?: AbortSignal): AsyncIterable<Uint8Array> => layer.chunks(signal);
  const described = (known: { readonly size: number; readonly remembered: WrittenLayer | undefined }) => ({
    open: async () => ({ digest: undefined, ...known, what, chunks }),
    remembered: known.remembered,
    form: PLAIN_TAR,
    onBytes,
    written: ({ digest, size }: UploadedBlob): WrittenLayer => ({ diffId: digest, digest, size }),
  });
  const find = async (signal: AbortSignal | undefined) => {
    const size = recalled?.size ?? (await layer.size(signal));
    const remembered = recalled ?? (hints.has(size) ? await measureLayer(layer, { signal }) : undefined);
    return described({ size, remembered });
  };
  if (recalled !== undefined || layer.estimate === undefined) return find(signal);
  // Far away: its size shows when its turn comes, and whether it is worth asking for.
  const open = async (signal?: AbortSignal): Promise<BlobContent> => (await find(signal)).open();
  return { ...described({ size: 0, remembered: undefined }), open };
}

async function describeCompressed(
  layer: LayerDraft,
  pool: NonNullable<ImageDraft["compression"]>,
  options: DescribeOptions & { readonly isMeasured: boolean },
): Promise<PushedLayer> {
  const { what, written, isMeasured, onBytes: onPlainBytes } = options;
  const recalled = written ?? (await layer.recall(pool.form));
  const remembered = recalled ?? (isMeasured ? await measureCompressed(layer, pool, options) : undefined);
  const content = new CompressedContent(layer, pool, {
    what,
    remembered,
    // A pass that measured has told of them.
    onPlainBytes: recalled === remembered ? onPlainBytes : undefined,
  });
  return {
    open: async () => content,
    remembered,
    form: pool.form,
    onBytes: undefined,
    written({ digest, size }) {
      return { diffId: content.diffId as WrittenLayer["diffId"], digest, size };
    },
  };
}

async function measureCompressed(
  layer: LayerDraft,
  pool: NonNullable<ImageDraft["compression"]>,
  { what, signal, onBytes: onPlainBytes }: DescribeOptions,
): Promise<WrittenLayer> {
  const content = new CompressedContent(layer, pool, { what, onPlainBytes });
  const measured = await new WatchedContent(content, undefined).measure(signal);
  const written = { ...measured, diffId: content.diffId as WrittenLayer["diffId"] };
  await layer.confirm(pool.form, written, signal);
  return written;
}
