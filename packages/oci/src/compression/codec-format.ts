import type { BlockFormat } from "./block-format.ts";
import type { Codec } from "./codec.ts";
import { gzipFormat } from "./gzip.ts";
import { zstdFormat } from "./zstd.ts";

const formats = { gzip: gzipFormat, zstd: zstdFormat };

export function formatOf(codec: Codec): BlockFormat {
  return formats[codec.name];
}
