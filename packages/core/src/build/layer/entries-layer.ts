import {
  layerSize,
  PLAIN_TAR,
  writeLayer,
  type Digest,
  type HistoryEntry,
  type LayerDraft,
  type LayerEntry,
  type LayerWriteOptions,
} from "@stowage/oci";
import { writeChunks, type FilePlace } from "./write-chunks.ts";

/** Up to here it costs nothing to make a layer once more, to see whether it has to be written at all. */
const SMALL_BYTES = 16 * 1024 * 1024;

/** A layer of a few entries made here, written in this thread with a pause now and then for signals. */
export function draftEntriesLayer(entries: readonly LayerEntry[], history: HistoryEntry): LayerDraft {
  const size = async (): Promise<number> => layerSize(entries);
  return {
    history,
    size,
    async recall(form) {
      if (form !== PLAIN_TAR || (await size()) > SMALL_BYTES) return undefined;
      const diffId = await pass(entries, undefined, {});
      return { diffId, digest: diffId, size: await size() };
    },
    writeAt: (fd, offset, options) => pass(entries, { fd, offset }, options),
    measure: (options) => pass(entries, undefined, options),
    async *chunks() {
      yield* writeLayer(entries);
    },
    confirm: async () => {},
  };
}

async function pass(
  entries: readonly LayerEntry[],
  place: FilePlace | undefined,
  { signal, onBytes }: LayerWriteOptions,
): Promise<Digest> {
  const writing = writeChunks(writeLayer(entries), place, (bytes) => onBytes?.(bytes));
  for (;;) {
    signal?.throwIfAborted();
    const step = writing.next();
    if (step.done) return step.value;
    await new Promise((resume) => setImmediate(resume));
  }
}
