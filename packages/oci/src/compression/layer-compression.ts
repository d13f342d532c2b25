import { DigestHash, type Digest } from "../spec/digest.ts";
import { packedBound, type LayerFrame } from "./block-format.ts";
import type { BlockPool } from "./block-pool.ts";
import { makeSlot, type BlockSlot } from "./block-task.ts";
import { formatOf } from "./codec-format.ts";
import { Queue } from "./queue.ts";

/** A layer's plain tar, read when it is its turn; each chunk is valid only until the next is asked for. */
export type PlainLayer = () => AsyncIterable<Uint8Array>;

/**
 * Blocks in memory beside those that are compressed: one is filled, others wait for a thread or to be taken. For more than three
 * threads as many as these: two blocks for each thread are no faster with eight.
 */
const MOST_WAITING = 4;

/**
 * Compresses layers one after another, each in blocks side by side. Reading runs ahead of whoever takes the compressed
 * bytes, into the next layers too, as far as there is room: no thread waits at a layer's end.
 */
export class LayerCompression implements AsyncDisposable {
  readonly #pool: BlockPool;
  readonly #signal: AbortSignal | undefined;
  readonly #blockBytes: number;
  readonly #slots: Queue<BlockSlot>;
  readonly #parts = new Queue<Part>();
  readonly #reading: Promise<void>;

  /** Begins with the first layer at once. */
  constructor(layers: Iterable<PlainLayer>, pool: BlockPool, signal: AbortSignal | undefined) {
    this.#pool = pool;
    this.#signal = signal;
    const { blockBytes } = formatOf(pool.codec);
    this.#blockBytes = blockBytes;
    // Memory that nobody has touched is not there yet.
    const count = pool.jobs + Math.min(pool.jobs + 1, MOST_WAITING);
    this.#slots = new Queue(Array.from({ length: count }, () => makeSlot(packedBound(blockBytes))));
    this.#reading = this.#readLayers(layers).catch((error: unknown) => this.#parts.fail(error));
  }

  /**
   * The next layer as it is stored; returns its diffId. Each chunk is valid only until the next is asked for. A layer
   * is taken to its end before the next one.
   * @param onBytes told of plain bytes that are compressed
   * @throws OciError `compression-failed`, and what reading the layers throws
   */
  async *nextLayer(onBytes?: (bytes: number) => void): AsyncGenerator<Uint8Array, Digest> {
    for (;;) {
      const part = await this.#parts.take();
      this.#signal?.throwIfAborted();
      if (part.type === "end") return part.diffId;
      if (part.type === "bytes") yield part.bytes;
      else {
        yield part.slot.subarray(0, await part.packed);
        onBytes?.(part.length);
        this.#slots.put(part.slot);
      }
    }
  }

  /** Gives up what is not taken yet; resolves when nothing is read any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#slots.fail(new Error("the compression is closed"));
    await this.#reading;
  }

  async #readLayers(layers: Iterable<PlainLayer>): Promise<void> {
    const { codec } = this.#pool;
    for (const open of layers) {
      const frame = formatOf(codec).frame(codec.level);
      this.#parts.put({ type: "bytes", bytes: frame.start });
      const diffId = await this.#readLayer(open(), frame);
      this.#parts.put({ type: "bytes", bytes: frame.end() });
      this.#parts.put({ type: "end", diffId });
    }
  }

  /** Cuts a layer into blocks; there is at least one, as no bytes at all are no zstd frame. */
  async #readLayer(chunks: AsyncIterable<Uint8Array>, frame: LayerFrame): Promise<Digest> {
    const hash = new DigestHash();
    let slot = await this.#slots.take();
    let used = 0;
    for await (const chunk of chunks) {
      hash.update(chunk);
      for (let rest = chunk; rest.length > 0;) {
        if (used === this.#blockBytes) {
          this.#compress(slot, used, frame);
          slot = await this.#slots.take();
          used = 0;
        }
        const piece = rest.subarray(0, this.#blockBytes - used);
        slot.set(piece, used);
        used += piece.length;
        rest = rest.subarray(piece.length);
      }
    }
    this.#compress(slot, used, frame);
    return hash.digest();
  }

  #compress(slot: BlockSlot, length: number, frame: LayerFrame): void {
    frame.update(slot.subarray(0, length));
    const packed = this.#pool.compress(slot, length, this.#signal);
    // Its failure is seen by whoever takes it; nobody may want to any more.
    packed.catch(() => {});
    this.#parts.put({ type: "block", slot, length, packed });
  }
}

/** What a compressed layer is made of, in order: bytes that are there, blocks that are being compressed, its end. */
type Part =
  | { readonly type: "bytes"; readonly bytes: Uint8Array }
  | {
      readonly type: "block";
      readonly slot: BlockSlot;
      /** Plain bytes. */
      readonly length: number;
      /** The length of what they become. */
      readonly packed: Promise<number>;
    }
  | { readonly type: "end"; readonly diffId: Digest };
