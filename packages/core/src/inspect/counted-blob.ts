import type { StoredBlob } from "@stowage/oci";

/** A blob whose bytes are counted as they pass by. */
export function countedBlob(blob: StoredBlob, count: (bytes: number) => void): StoredBlob {
  return {
    ...blob,
    async *chunks(signal) {
      for await (const chunk of blob.chunks(signal)) {
        yield chunk;
        count(chunk.length);
      }
    },
  };
}

/** Bytes of some blobs, those of one name counted once. */
export function totalSize(blobs: Iterable<StoredBlob | undefined>): number {
  const sizes = new Map<string, number>();
  for (const blob of blobs) if (blob !== undefined) sizes.set(blob.name, blob.size);
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
