import { createBrotliDecompress, createGunzip, createZstdDecompress } from "node:zlib";
import type { NarCompression } from "./narinfo.ts";
import { decodeFrames } from "./decode-frames.ts";

type Bytes = AsyncIterable<Uint8Array>;

/** Bytes that the bzip2 decoder is given at once: it decodes all it can of them before it hands anything on. */
const BZIP2_INPUT_BYTES = 16 * 1024;

const CHUNK_BYTES = 128 * 1024;

/**
 * The plain bytes of a compressed NAR, as they come, with bounded memory.
 * @param limit about how many plain bytes there may be: what goes far beyond is not decoded
 * @throws whatever the decoder says of bytes that are not compressed so
 */
export function decompressNar(input: Bytes, compression: NarCompression, limit: number): Bytes {
  const options = { chunkSize: CHUNK_BYTES };
  switch (compression) {
    case "none":
      return input;
    case "gzip":
      return decodeFrames(input, () => createGunzip(options));
    case "zstd":
      return decodeFrames(input, () => createZstdDecompress(options));
    case "br":
      return decodeFrames(input, () => createBrotliDecompress(options));
    case "xz":
      return decodeXz(input);
    case "bzip2":
      return decodeBzip2(input, limit);
  }
}

/** WebAssembly of xz-embedded: 64 KiB at a time, one stream at a time, with the dictionary that the stream asks for. */
async function* decodeXz(input: Bytes): AsyncGenerator<Uint8Array> {
  // One file of CommonJS, whose names Node does not see.
  const { default: xz } = (await import("xz-decompress")) as unknown as {
    readonly default: typeof import("xz-decompress");
  };
  yield* new xz.XzReadableStream(ReadableStream.from(input) as ReadableStream<Uint8Array>);
}

async function* decodeBzip2(input: Bytes, limit: number): AsyncGenerator<Uint8Array> {
  const { default: unbzip2 } = await import("unbzip2-stream");
  const stream = unbzip2();
  const plain: Uint8Array[] = [];
  const state: { length: number; failure: unknown } = { length: 0, failure: undefined };
  stream
    .on("data", (chunk: Buffer) => {
      state.length += chunk.length;
      // A few bytes may stand for many megabytes: the decoder must not go on behind the limit.
      if (state.length > limit) throw new Error(`it has more than ${limit} bytes`);
      plain.push(chunk);
    })
    .on("error", (error) => (state.failure ??= error));
  function* take(): Generator<Uint8Array> {
    yield* plain.splice(0);
    if (state.failure !== undefined) throw state.failure;
  }
  for await (const chunk of input) {
    for (let at = 0; at < chunk.length; at += BZIP2_INPUT_BYTES) {
      stream.write(Buffer.from(chunk.subarray(at, at + BZIP2_INPUT_BYTES)));
      yield* take();
    }
  }
  stream.end();
  yield* take();
}
