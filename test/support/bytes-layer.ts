import { writeSync } from "node:fs";
import { digestOf, type LayerDraft } from "@stowage/oci";

/** A layer of any bytes at all, which come in chunks of any lengths; each chunk is overwritten when the next is asked for. */
export function bytesLayer(bytes: Buffer, chunkLengths: readonly number[] = [65_536]): LayerDraft {
  return {
    history: { created: "1970-01-01T00:00:01Z", created_by: "bytes" },
    size: async () => bytes.length,
    recall: async () => undefined,
    confirm: async () => {},
    measure: async () => digestOf(bytes),
    async writeAt(fd, offset) {
      writeSync(fd, bytes, 0, bytes.length, offset);
      return digestOf(bytes);
    },
    async *chunks() {
      let at = 0;
      for (let turn = 0; at < bytes.length; turn++) {
        const chunk = Buffer.from(
          bytes.subarray(at, at + (chunkLengths[turn % chunkLengths.length] as number)),
        );
        at += chunk.length;
        yield chunk;
        chunk.fill(0xff);
      }
    },
  };
}
