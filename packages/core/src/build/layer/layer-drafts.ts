import {
  layerSize,
  parseDigest,
  writeLayer,
  type HistoryEntry,
  type LayerDraft,
  type LayerEntry,
} from "@stowage/oci";
import type { LayerPool } from "./layer-pool.ts";
import { storeEntries, type StoreLayerContent } from "./store-entries.ts";
import { writeChunks } from "./write-chunks.ts";

/** A layer of store paths, sized and written by worker threads. `weight`: about how many bytes it has. */
export function draftStoreLayer(
  content: StoreLayerContent,
  options: { readonly history: HistoryEntry; readonly weight: number; readonly pool: LayerPool },
): LayerDraft {
  const { history, weight, pool } = options;
  let size: Promise<number> | undefined;
  return {
    history,
    size: (signal) => (size ??= pool.run({ type: "size", content }, { weight, signal }).then(Number)),
    async writeAt(fd, offset, { signal, onBytes }) {
      return parseDigest(
        String(await pool.run({ type: "write", content, fd, offset }, { weight, signal, onBytes })),
      );
    },
    chunks: () => writeLayer(storeEntries(content)),
  };
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
    chunks: () => writeLayer(entries),
  };
}
