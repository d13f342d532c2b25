import { constants, zstdCompressSync } from "node:zlib";
import { packedBound, type BlockFormat } from "./block-format.ts";

const NOTHING = new Uint8Array();

/**
 * A zstd frame for each block, one after another (RFC 8878, 3.1), with content size and checksum as the `zstd` command
 * writes them. 4 MiB lose nothing at level 3 against one frame with a 2 MiB window, and at level 19 a tenth.
 */
export const zstdFormat: BlockFormat = {
  version: `zstd ${process.versions["zstd"]}`,
  blockBytes: 4 * 1024 * 1024,
  compress: (block, level) =>
    zstdCompressSync(block, {
      chunkSize: packedBound(block.length),
      params: {
        [constants.ZSTD_c_compressionLevel]: level,
        [constants.ZSTD_c_contentSizeFlag]: 1,
        [constants.ZSTD_c_checksumFlag]: 1,
      },
    }),
  frame: () => ({ start: NOTHING, update: () => {}, end: () => NOTHING }),
};
