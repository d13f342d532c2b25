import {
  layerSize,
  parseDigest,
  writeLayer,
  type HistoryEntry,
  type LayerDraft,
  type LayerEntry,
} from "@stowage/oci";
import { RingReader } from "./chunk-ring.ts";
import type { LayerPool } from "./layer-pool.ts";
import type { StoreLayerContent } from "./store-entries.ts";
import { writeChunks } from "./write-chunks.ts";

/** A layer of store paths, sized, read and written by worker threads. */
export function draftStoreLayer(
  content: StoreLayerContent,
  options: {
    readonly history: HistoryEntry;
    /** About how many bytes it has. */
    readonly weight: number;
    /** Whether each path's NAR hash is recomputed from the bytes that are read. */
    readonly check: boolean;
    readonly pool: LayerPool;
  },
): LayerDraft {
  const { history, weight, check, pool } = options;
  let size: Promise<number> | undefined;
  return {
    history,
    size: (signal) => (size ??= pool.run({ type: "size", content }, { weight, signal }).then(Number)),
    async writeAt(fd, offset, { signal, onBytes }) {
      const place = { fd, offset };
      return parseDigest(
        String(await pool.run({ type: "write", content, check, place }, { weight, signal, onBytes })),
      );
    },
    chunks: (signal) => readAhead({ content, check, weight, pool }, signal),
  };
}

/** A layer's bytes from a worker thread, which fills a ring of chunks ahead of who takes them. */
async function* readAhead(
  layer: {
    readonly content: StoreLayerContent;
    readonly check: boolean;
    readonly weight: number;
    readonly pool: LayerPool;
  },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  const { content, check, weight, pool } = layer;
  const ring = pool.rings.pop() ?? new RingReader();
  const left = new AbortController();
  const reading = pool.run(
    { type: "read", content, check, ring: ring.shared },
    {
      weight,
      signal: signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]),
      onBytes: ring.filled,
    },
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

/** A layer of a few entries made here, written in this thread with a pause now and then for signals. */
export function draftEntriesLayer(entries: readonly LayerEntry[], history: HistoryEntry): LayerDraft {
  return {
    history,
    size: () => Promise.resolve(layerSize(entries)),
    async writeAt(fd, offset, { signal, onBytes }) {
      const writing = writeChunks(writeLayer(entries), { fd, offset }, (bytes) => onBytes?.(bytes));
      for (;;) {
        signal?.throwIfAborted();
        const step = writing.next();
        if (step.done) return step.value;
        await new Promise((resume) => setImmediate(resume));
      }
    },
    async *chunks() {
      yield* writeLayer(entries);
    },
  };
}
