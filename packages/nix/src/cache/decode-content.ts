import { NixError } from "../errors.ts";
import { decompressNar } from "./decompress-nar.ts";
import type { NarCompression } from "./narinfo.ts";

/**
 * Names of what servers do to files (RFC 9110, 8.4.1), and of what Nix has done to them where it wrote the cache
 * (Nix manual, `narinfo-compression`), which goes to every reader, whatever that says it understands.
 */
const encodings = new Map<string, NarCompression>([
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["br", "br"],
  ["zstd", "zstd"],
  ["xz", "xz"],
  ["bzip2", "bzip2"],
  ["identity", "none"],
]);

interface ContentOptions {
  /** What errors call the file. */
  readonly from: string;
  /** About how many bytes the file may have. */
  readonly limit: number;
  /** How the file itself is compressed: many servers say that of a file which they hand out as it is. */
  readonly own?: NarCompression;
}

/**
 * A file as it was before its server encoded it.
 * @param encoding `Content-Encoding`: names in the order in which it was done
 * @throws NixError `cache-unsupported`; so do the bytes, and `cache-corrupted`
 */
export function decodeContent(
  bytes: AsyncIterable<Uint8Array>,
  encoding: string | undefined,
  options: ContentOptions,
): AsyncIterable<Uint8Array> {
  const names = (encoding ?? "").split(",").map((name) => name.trim().toLowerCase());
  return names
    .filter((name) => name !== "")
    .reduceRight((encoded, name) => decode(encoded, name, options), bytes);
}

function decode(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  { from, limit, own = "none" }: ContentOptions,
): AsyncIterable<Uint8Array> {
  const compression = encodings.get(name);
  if (compression === undefined) {
    throw new NixError("cache-unsupported", `${from} comes as '${name}', which is not read here`, {
      path: from,
      hint: "Have the server send files as they are (Content-Encoding), or take another cache.",
    });
  }
  return compression === own ? bytes : decoded(bytes, { compression, from, limit });
}

async function* decoded(
  bytes: AsyncIterable<Uint8Array>,
  {
    compression,
    from,
    limit,
  }: { readonly compression: NarCompression; readonly from: string; readonly limit: number },
): AsyncGenerator<Uint8Array> {
  const failure: { below?: unknown } = {};
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* bytes;
    } catch (error) {
      failure.below = error;
      throw error;
    }
  }
  try {
    yield* decompressNar(watched(), compression, limit);
  } catch (error) {
    if (failure.below !== undefined) throw failure.below;
    throw new NixError("cache-corrupted", `${from} is not ${compression}, as its server says`, {
      path: from,
      cause: error,
      hint: "It was damaged on its way, or the server says it of what is none: take another cache.",
    });
  }
}
