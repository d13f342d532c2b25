import type { BlockPool } from "./compression/block-pool.ts";
import type { HistoryEntry, ImageSettings } from "./spec/config.ts";
import type { Digest } from "./spec/digest.ts";
import type { ImageName } from "./spec/image-name.ts";

/**
 * How a layer's bytes are stored: `tar` for the plain tar; otherwise a codec with its level and everything else that its
 * bytes depend on.
 */
export type StoredForm = string;

/** The form of a layer that is stored as the plain tar. */
export const PLAIN_TAR: StoredForm = "tar";

/**
 * How one layer's bytes can be made, before anybody has made them: a store path never changes, so neither do they.
 *
 * A sink asks {@link LayerDraft.recall} first: where a blob of that digest and size is in its place already, nothing is
 * read. Otherwise it makes a pass ({@link LayerDraft.writeAt}, {@link LayerDraft.chunks} or {@link LayerDraft.measure}),
 * and gives what came out to {@link LayerDraft.confirm} before anything of the image appears.
 */
export interface LayerDraft {
  /** What the image's history says of this layer. */
  readonly history: HistoryEntry;
  /**
   * About how many bytes the plain tar has, where what it is made of is far away and must be fetched to say it: then its
   * size is not to be asked for long before its bytes. Undefined where it is here.
   */
  readonly estimate?: number | undefined;
  /** Says that a pass over its bytes is near: what is far away may begin to come. */
  expect?(): void;
  /**
   * Bytes of the plain tar, known from metadata alone. Computed once, then remembered. What is far away is brought here for
   * it, and waits on the disk for the next pass; a pass without it passes by as it comes.
   */
  size(signal?: AbortSignal): Promise<number>;
  /** What this layer was when it was stored in this form before. Good for bytes that are not written, and for no others. */
  recall(form: StoredForm): Promise<WrittenLayer | undefined>;
  /** Writes the plain tar at `offset` of an open file and returns its SHA-256. Several layers may be written at once. */
  writeAt(fd: number, offset: number, options: LayerWriteOptions): Promise<Digest>;
  /** Makes the plain tar without writing it anywhere, for its SHA-256. */
  measure(options: LayerWriteOptions): Promise<Digest>;
  /**
   * The plain tar as one sequential pass, read ahead of who takes it. Each chunk is valid only until the next is asked
   * for. Reading ends early when the iteration does, or with the signal.
   */
  chunks(signal?: AbortSignal): AsyncIterableIterator<Uint8Array, void>;
  /**
   * Says what the pass just made gave, whole, and how it is stored. It is compared with what was known of the layer, and
   * remembered.
   * @throws where these cannot be the bytes of what the layer was drafted from
   */
  confirm(form: StoredForm, written: WrittenLayer, signal?: AbortSignal): Promise<void>;
}

/** How a layer's bytes are made, and who is told of them. */
export interface LayerWriteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the bytes written since the last call; by the end, with all of them. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** A layer that lies somewhere already and stays as it is, compressed or not. */
export interface BaseLayer extends WrittenLayer {
  /** OCI's word for it, also where it came with Docker's. */
  readonly mediaType: string;
  /**
   * The stored bytes, compared with digest and size. Each chunk is valid only until the next is asked for.
   * @throws OciError `image-corrupted` at their end, where they are others than before; `image-unreadable`
   */
  chunks(signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** What an image is put on: the layers below its own, and their history. */
export interface DraftBase {
  /** From the bottom up. */
  readonly layers: readonly BaseLayer[];
  /** One entry for each layer, and those that stand for none. */
  readonly history: readonly HistoryEntry[];
  /** The repository it came from, which may have the layers for others; undefined where it is no registry's. */
  readonly origin?: { readonly domain: string; readonly repository: string } | undefined;
}

/** An image before its layers are written: everything is decided except the digests. */
export interface ImageDraft {
  readonly base?: DraftBase | undefined;
  /** Those above the base's, from the bottom up. */
  readonly layers: readonly LayerDraft[];
  /** Config without `rootfs` and `history`, which follow from the layers. */
  readonly config: ImageSettings;
  readonly names: readonly ImageName[];
  /** Of the manifest (OCI image spec, annotations.md), in the order they are written. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** What compresses the layers; without one they are stored as plain tars. */
  readonly compression?: BlockPool | undefined;
}

/** One layer as it was written. */
export interface WrittenLayer {
  readonly diffId: Digest;
  /** Digest of the stored bytes; equals `diffId` for a plain tar. */
  readonly digest: Digest;
  /** Bytes as stored. */
  readonly size: number;
}

/** What a sink made. */
export interface WrittenImage {
  /** SHA-256 of the config: what Docker shows as image ID. */
  readonly imageId: Digest;
  readonly manifestDigest: Digest;
  /** Those of the draft, the base's left out. */
  readonly layers: readonly WrittenLayer[];
}

/** A place an image is written to. Nothing is there under its final name before all of it is. */
export interface Sink {
  /**
   * @throws OciError `output-unusable`, `output-closed`, `output-failed`, `entry-unrepresentable`, `layer-inconsistent`
   */
  write(image: ImageDraft, options?: LayerWriteOptions): Promise<WrittenImage>;
}
