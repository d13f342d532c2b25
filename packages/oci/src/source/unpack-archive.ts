import { writeSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { OciError } from "../errors.ts";
import { decompressor, sniffCompression } from "../layer/decompress.ts";
import { readSome } from "../read-some.ts";
import { openSpool, withSpoolErrors } from "../sink/spool-file.ts";
import type { Compression } from "../spec/media-kinds.ts";
import { readExtent, withReadErrors, type ReadingOf } from "./file-blob.ts";

/** An open file, and how many bytes it has. */
export interface SizedFile {
  readonly handle: FileHandle;
  readonly size: number;
}

/** Plain bytes that an archive may have for each of its own, beside those that any may have: the disk is not filled for a small file. */
const MAX_RATIO = 100;
const FREE_BYTES = 1024 ** 3;

/**
 * An archive that can be read at any place: the file itself, or, where it is compressed as a whole (gzip or zstd, as dockerTools and
 * `docker save | gzip` leave it), what it unpacks to, in a file in `TMPDIR` that has no name and is gone with its handle. The file
 * itself is closed then.
 * @throws OciError `image-unreadable`; `image-corrupted` for what does not unpack, or to more than any image; `output-failed`,
 *   `output-unusable` about `TMPDIR`
 */
export async function unpackArchive(file: SizedFile, reading: ReadingOf): Promise<SizedFile> {
  const start = Buffer.alloc(4);
  await withReadErrors(reading.shown, () => readSome(file.handle, start, 0));
  const compression = sniffCompression(start);
  if (compression === "none") return file;
  const handle = await withSpoolErrors(openSpool);
  try {
    const size = await unpack(file, handle, { ...reading, compression });
    await file.handle.close();
    return { handle, size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function unpack(
  { handle, size }: SizedFile,
  spool: FileHandle,
  { compression, ...reading }: ReadingOf & { readonly compression: Compression },
): Promise<number> {
  const most = FREE_BYTES + MAX_RATIO * size;
  let written = 0;
  let failed: unknown;
  // At once, as the decompressor goes on only then: however far a chunk unpacks, memory has one piece of it.
  const decoder = decompressor(compression, (plain) => {
    if (written + plain.length > most)
      throw new OciError("image-corrupted", `it unpacks to more than ${most} bytes`);
    try {
      for (let rest = plain; rest.length > 0;) {
        const count = writeSync(spool.fd, rest, 0, rest.length, written);
        rest = rest.subarray(count);
        written += count;
      }
    } catch (error) {
      failed = error;
      throw new OciError("output-failed", "what is unpacked cannot be written");
    }
  });
  return withSpoolErrors(async () => {
    try {
      for await (const chunk of readExtent(handle, { offset: 0, size }, reading)) await decoder.push(chunk);
      await decoder.end();
      return written;
    } catch (error) {
      throw failed ?? error;
    } finally {
      decoder.destroy();
    }
  });
}
