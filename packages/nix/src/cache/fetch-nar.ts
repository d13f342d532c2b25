import { createHash } from "node:crypto";
import { NixError } from "../errors.ts";
import { NarParser } from "../nar/nar-parser.ts";
import { parseNarHash, type NarHash } from "../nar-hash.ts";
import type { CacheSource } from "./cache-source.ts";
import { ContentHasher } from "./content-hasher.ts";
import { decodeContent } from "./decode-content.ts";
import { decompressNar } from "./decompress-nar.ts";
import type { NarInfo } from "./narinfo.ts";
import type { Grounds } from "./trust.ts";

/** Compressed bytes may be more than plain ones by a few; where a cache says no FileSize, by no more than this. */
const ENVELOPE_BYTES = 1024 * 1024;

/** What a cache says of a path, and why that counts. */
export interface Vouched {
  readonly info: NarInfo;
  readonly grounds: Grounds;
}

export interface FetchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of compressed bytes as they come. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * The compressed NAR of a path, as the cache gives it.
 * @throws NixError `cache-failed`, `cache-corrupted`
 */
export async function* fetchFile(
  source: CacheSource,
  info: NarInfo,
  { signal, onBytes }: FetchOptions,
): AsyncGenerator<Uint8Array> {
  const { bytes, encoding, reason } = await source.get(info.url, signal);
  if (bytes === undefined) {
    const because = reason === undefined ? "is missing" : `is not given (it answers ${reason})`;
    throw new NixError("cache-corrupted", `${source.name}/${info.url} ${because}, which the cache promised`, {
      path: info.path,
      hint: "The cache may be collecting garbage; try again, or take another cache.",
    });
  }
  const file = decodeContent(bytes, encoding, {
    from: `${source.name}/${info.url}`,
    limit: mostBytesOf(info),
    own: info.compression,
  });
  for await (const chunk of file) {
    onBytes?.(chunk.length);
    yield chunk;
  }
}

/**
 * The NAR in a file of a cache: hashed and counted as it comes, decompressed, hashed and counted again, and parsed. Only when
 * this has come to its end are the bytes those of the path; what is more than was said stops it.
 * @param from what errors call the cache
 * @throws NixError `cache-corrupted`, `nar-invalid`, and what the file throws
 */
export async function* receiveNar(
  { info, grounds }: Vouched,
  bytes: AsyncIterable<Uint8Array>,
  { from, signal }: { readonly from: string; readonly signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  const where = `${from}/${info.url}`;
  const file = new Measure(mostBytesOf(info), `${where}: the file`, info);
  const input = bytes[Symbol.asyncIterator]();
  const once = { [Symbol.asyncIterator]: () => input };
  try {
    yield* decode({ info, grounds }, file.watch(once), where, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof NixError) throw error;
    throw corrupted(info, `${where} is not ${info.compression}: ${(error as Error).message}`, error);
  } finally {
    // Not every decoder that fails lets go of what it reads. Nobody waits: a chunk may be on its way for long.
    input.return?.().catch(() => {});
  }
  file.check(info.fileHash, info.fileSize, "FileHash", "FileSize");
}

function mostBytesOf({ fileSize, narSize }: NarInfo): number {
  return fileSize ?? narSize + ENVELOPE_BYTES;
}

async function* decode(
  { info, grounds }: Vouched,
  file: AsyncGenerator<Uint8Array>,
  where: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const nar = new Measure(info.narSize, `${where}: the NAR`, info);
  const parser = new NarParser();
  const contents =
    grounds.kind === "content" ? new ContentHasher(grounds.address, `${where}: the NAR`, info) : undefined;
  for await (const chunk of nar.watch(decompressNar(file, info.compression, info.narSize))) {
    signal?.throwIfAborted();
    contents?.nar(chunk);
    parser.push(chunk);
    for (let event = parser.next(); event !== undefined; event = parser.next()) contents?.event(event);
    yield chunk;
  }
  if (!(await file.next()).done) throw corrupted(info, `${where} goes on after its end`);
  // The hash first: of bytes that are others than was said, what is wrong with their form is no news.
  nar.check(info.narHash, info.narSize, "NarHash", "NarSize");
  parser.finish();
  contents?.check();
}

/** Hash and size of bytes that pass. */
class Measure {
  readonly #hash = createHash("sha256");
  readonly #limit: number;
  readonly #what: string;
  readonly #info: NarInfo;
  #size = 0;

  constructor(limit: number, what: string, info: NarInfo) {
    this.#limit = limit;
    this.#what = what;
    this.#info = info;
  }

  async *watch(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.#size += chunk.length;
      if (this.#size > this.#limit)
        throw this.#wrong(`it has more than the ${this.#limit} bytes it may have`);
      this.#hash.update(chunk);
      yield chunk;
    }
  }

  check(hash: NarHash | undefined, size: number | undefined, hashName: string, sizeName: string): void {
    if (size !== undefined && size !== this.#size)
      throw this.#wrong(`it has ${this.#size} bytes, and ${sizeName} says ${size}`);
    const found = parseNarHash(this.#hash.digest("hex"));
    if (hash !== undefined && hash !== found)
      throw this.#wrong(`its SHA-256 is ${found}, and ${hashName} says ${hash}`);
  }

  #wrong(reason: string): NixError {
    return corrupted(this.#info, `${this.#what} is not what was promised: ${reason}`);
  }
}

function corrupted(info: NarInfo, message: string, cause?: unknown): NixError {
  return new NixError("cache-corrupted", message, {
    path: info.path,
    cause,
    hint: "It was damaged on its way or in the cache: try again, or take another cache.",
  });
}
