import { closeSync, openSync, readSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { BlockPool, digestSink, parseCompression, type LayerDraft } from "@stowage/oci";

/**
 * Compresses a file as a layer and forgets it; with the two SHA-256 that a layer has. Usage: compress-layer.ts CODEC:LEVEL FILE
 */
const [compression = "", file = ""] = process.argv.slice(2);
const codec = parseCompression(compression);
if (codec === undefined) throw new Error("nothing to compress with");
await using pool = new BlockPool(codec, availableParallelism());
const config = { created: "1970-01-01T00:00:01Z", architecture: "amd64", os: "linux" };
await digestSink().write({ layers: [fileLayer(file)], config, names: [], compression: pool });

function fileLayer(path: string): LayerDraft {
  const plainOnly = (): never => {
    throw new Error("this layer is only compressed");
  };
  return {
    history: {},
    size: async () => statSync(path).size,
    recall: async () => undefined,
    confirm: async () => {},
    writeAt: plainOnly,
    measure: plainOnly,
    async *chunks() {
      const fd = openSync(path, "r");
      const buffer = Buffer.alloc(1024 * 1024);
      for (;;) {
        const length = readSync(fd, buffer);
        if (length === 0) break;
        yield buffer.subarray(0, length);
      }
      closeSync(fd);
    },
  };
}
