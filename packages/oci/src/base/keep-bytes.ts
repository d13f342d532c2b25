import type { SpoolFile } from "../sink/spool-file.ts";
import type { StoredBlob } from "../source/image-source.ts";

/** Blobs whose bytes are kept in a file when they pass by for the first time, and come from there ever after. */
export function keepBytes(spool: SpoolFile): (blob: StoredBlob) => StoredBlob {
  const kept = new Map<string, { readonly offset: number; readonly size: number }>();
  let end = 0;
  return (blob) => ({
    ...blob,
    async *chunks(signal) {
      const place = kept.get(blob.name);
      if (place !== undefined) {
        yield* spool.read(place.size, place.offset);
        return;
      }
      // Room that somebody gave up half-way is not used again.
      const offset = end;
      end += blob.size;
      let size = 0;
      for await (const chunk of blob.chunks(signal)) {
        await spool.writeAt(chunk, offset + size);
        size += chunk.length;
        yield chunk;
      }
      kept.set(blob.name, { offset, size });
    },
  });
}
