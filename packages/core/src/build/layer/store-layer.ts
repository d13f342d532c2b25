import { NixError, type NarHash, type OpenTrees, type StorePath } from "@stowage/nix";
import {
  PLAIN_TAR,
  type Digest,
  type HistoryEntry,
  type LayerDraft,
  type LayerWriteOptions,
  type StoredForm,
  type WrittenLayer,
} from "@stowage/oci";
import type { DigestCache } from "../../cache/digest-cache.ts";
import { RING_BYTES, RingReader } from "./chunk-ring.ts";
import { layerKey } from "./layer-key.ts";
import type { LayerPool } from "./layer-pool.ts";
import type { SizedLayer } from "./layer-task.ts";
import type { PassingTrees, TreeHolder } from "../tree-holder.ts";
import type { StoreLayerContent } from "./store-entries.ts";
import { ChunkWriter, type FilePlace } from "./write-chunks.ts";

/** Which store paths a layer holds; where their trees are shows when they are read. */
export interface StoreLayerPaths {
  readonly storeDir: string;
  readonly trees: readonly {
    readonly path: StorePath;
    readonly narHash: NarHash;
    readonly narSize: number;
  }[];
}

/** What a layer of store paths is drafted with. */
export interface StoreLayerOptions {
  readonly history: HistoryEntry;
  /** About how many bytes it has. */
  readonly weight: number;
  /** Whether bytes that are not the store's are an error. */
  readonly check: boolean;
  readonly trees: TreeHolder;
  readonly pool: LayerPool;
  readonly cache: DigestCache;
}

/** A layer whose size is known, with its trees still open for whoever reads them next. */
interface OpenLayer extends SizedLayer {
  readonly opened: OpenTrees | undefined;
}

/** A pass over a layer's bytes that came to its end. */
interface Pass {
  /** Whether each path's NAR hash was recomputed from the bytes that passed. */
  readonly narChecked: boolean;
  /** Bytes of the plain tar. */
  readonly size: number;
}

/**
 * A layer of store paths, sized, read and written by worker threads. What the digest cache remembers was made of bytes
 * whose NAR hashes were right, so bytes of the same digest are checked with it; others are by their own NAR hashes.
 */
export class StoreLayer implements LayerDraft {
  readonly history: HistoryEntry;
  readonly #content: StoreLayerPaths;
  readonly #options: StoreLayerOptions;
  #sized: Promise<OpenLayer> | undefined;
  #lastPass: Pass | undefined;

  constructor(content: StoreLayerPaths, options: StoreLayerOptions) {
    this.history = options.history;
    this.#content = content;
    this.#options = options;
  }

  get estimate(): number | undefined {
    const { trees, weight } = this.#options;
    return this.#content.trees.every(({ path }) => trees.isHere(path)) ? undefined : weight;
  }

  async size(signal?: AbortSignal): Promise<number> {
    return this.#lastPass?.size ?? (await (this.#sized ??= this.#makeSize(signal))).size;
  }

  expect(): void {
    this.#options.trees.expect(this.#content.trees.map(({ path }) => path));
  }

  async recall(form: StoredForm): Promise<WrittenLayer | undefined> {
    return this.#options.cache.get(layerKey(this.#content, form));
  }

  writeAt(fd: number, offset: number, options: LayerWriteOptions): Promise<Digest> {
    return this.#write({ fd, offset }, options);
  }

  measure(options: LayerWriteOptions): Promise<Digest> {
    return this.#write(undefined, options);
  }

  async *chunks(signal?: AbortSignal): AsyncIterableIterator<Uint8Array, void> {
    const narChecked = await this.#needsNarCheck();
    let size = 0;
    for await (const chunk of this.#readAhead(narChecked, signal)) {
      size += chunk.length;
      yield chunk;
    }
    this.#lastPass = { narChecked, size };
  }

  async confirm(form: StoredForm, written: WrittenLayer, signal?: AbortSignal): Promise<void> {
    const pass = this.#lastPass;
    if (pass === undefined) return;
    const { diffId } = written;
    const known = await this.recall(PLAIN_TAR);
    if (known?.diffId !== diffId && !pass.narChecked) {
      // Without a check nobody knows whether the paths or the entry are wrong, and nothing is to be remembered.
      if (!this.#options.check) return;
      await this.#requireBytes(diffId, signal);
    }
    this.#remember(PLAIN_TAR, { diffId, digest: diffId, size: pass.size });
    if (form !== PLAIN_TAR) this.#remember(form, written);
  }

  #remember(form: StoredForm, written: WrittenLayer): void {
    const { cache } = this.#options;
    const key = layerKey(this.#content, form);
    const known = cache.get(key);
    const isKnown = (["diffId", "digest", "size"] as const).every((name) => known?.[name] === written[name]);
    if (!isKnown) cache.put(key, written);
  }

  async #makeSize(signal: AbortSignal | undefined): Promise<OpenLayer> {
    const { pool, weight } = this.#options;
    const opened = await this.#open(signal);
    const content = this.#locate(opened);
    const sized = await pool.run({ type: "size", content }, { weight, signal });
    const bytes = (sized.listings ?? []).reduce((sum, { length }) => sum + length, 0);
    if (bytes > pool.listingRoom) return { size: sized.size, listings: undefined, opened };
    pool.listingRoom -= bytes;
    return { ...sized, opened };
  }

  #open(signal: AbortSignal | undefined): Promise<OpenTrees> {
    return this.#options.trees.open(
      this.#content.trees.map(({ path }) => path),
      signal,
    );
  }

  #locate(opened: Pick<OpenTrees | PassingTrees, "locate">): StoreLayerContent {
    const { storeDir, trees } = this.#content;
    return {
      storeDir,
      trees: trees.map(({ path, narHash }) => ({ path, narHash, location: opened.locate(path) })),
    };
  }

  /**
   * Gives what is to be read, with what its trees hold where that is known. Both are given away, and not kept: trees that
   * were brought here for their size leave with the pass, and others that are far away come with it.
   */
  async #withContent<T>(
    signal: AbortSignal | undefined,
    read: (content: StoreLayerContent) => Promise<T>,
  ): Promise<T> {
    const { listings, opened } = await this.#take();
    if (opened !== undefined) {
      await using trees = opened;
      return await read({ ...this.#locate(trees), listings });
    }
    await using passing = await this.#options.trees.pass(this.#content.trees, signal);
    // Where both fail, what did not come is told first, and is why reading failed.
    const reading = read({ ...this.#locate(passing), listings });
    try {
      const [result] = await Promise.all([reading, passing.arrived]);
      return result;
    } catch (error) {
      await passing[Symbol.asyncDispose]();
      // Until the thread has ended it may still write.
      await reading.catch(() => {});
      throw error;
    }
  }

  async #take(): Promise<Pick<OpenLayer, "listings" | "opened">> {
    if (this.#sized === undefined) return { listings: undefined, opened: undefined };
    const { size, listings, opened } = await this.#sized;
    this.#sized = Promise.resolve({ size, listings: undefined, opened: undefined });
    this.#options.pool.listingRoom += (listings ?? []).reduce((sum, { length }) => sum + length, 0);
    return { listings, opened };
  }

  async #needsNarCheck(): Promise<boolean> {
    return this.#options.check && (await this.recall(PLAIN_TAR)) === undefined;
  }

  async #write(place: FilePlace | undefined, options: LayerWriteOptions): Promise<Digest> {
    const narChecked = await this.#needsNarCheck();
    let size = 0;
    const counting: LayerWriteOptions = {
      signal: options.signal,
      onBytes: (bytes) => {
        size += bytes;
        options.onBytes?.(bytes);
      },
    };
    const digest = await this.#options.pool.large.make(this.#options.weight, (isLarge) =>
      isLarge && this.estimate === undefined
        ? this.#passOn(narChecked, place, counting)
        : this.#makeBytes(narChecked, place, counting),
    );
    this.#lastPass = { narChecked, size };
    return digest;
  }

  /** Two share the work on one layer: a thread reads it and hashes its NARs, its tar is hashed and written here. */
  async #passOn(
    check: boolean,
    place: FilePlace | undefined,
    { signal, onBytes }: LayerWriteOptions,
  ): Promise<Digest> {
    const writer = new ChunkWriter(place);
    // Nobody keeps what is taken at once waiting: the thread is one of those that there are.
    for await (const chunk of this.#readAhead(check, signal, { waits: false })) {
      writer.write(chunk);
      onBytes?.(chunk.length);
    }
    return writer.digest();
  }

  async #makeBytes(
    check: boolean,
    place: FilePlace | undefined,
    options: LayerWriteOptions,
  ): Promise<Digest> {
    const { pool, weight } = this.#options;
    return this.#withContent(options.signal, (content) =>
      pool.run({ type: "write", content, check, place }, { weight, ...options }),
    );
  }

  /** Bytes that are not those of the cache: reads the paths again, with their NAR hashes, to learn who is wrong. */
  async #requireBytes(digest: Digest, signal: AbortSignal | undefined): Promise<void> {
    if ((await this.#makeBytes(true, undefined, { signal })) === digest) return;
    const paths = this.#content.trees.map(({ path }) => path);
    throw new NixError("path-corrupted", `read twice, the bytes differ: ${paths.join(" ")}`, {
      path: paths[0],
      hint: "Let nothing write to the store and check its disk, then pack again.",
    });
  }

  /** Bytes from a worker thread, which fills a ring of chunks ahead of who takes them. */
  async *#readAhead(
    check: boolean,
    signal: AbortSignal | undefined,
    options: { readonly waits?: boolean } = {},
  ): AsyncGenerator<Uint8Array, void> {
    const { pool, weight } = this.#options;
    const ring = pool.rings.pop() ?? new RingReader();
    const left = new AbortController();
    const either = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
    const size = (await this.#sized)?.size ?? Infinity;
    const { waits = size > RING_BYTES } = options;
    const reading = this.#withContent(either, (content) =>
      pool.run(
        { type: "read", content, check, ring: ring.shared },
        { weight, waits, signal: either, onBytes: ring.filled },
      ),
    );
    const ended = reading.then(
      () => ring.end(),
      (error: unknown) => ring.fail(error),
    );
    try {
      yield* ring;
    } finally {
      left.abort();
      await ended;
      ring.reset();
      pool.rings.push(ring);
    }
  }
}
