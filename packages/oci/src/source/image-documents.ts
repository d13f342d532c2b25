import { createReadStream } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { extract } from "tar-stream";
import { OciError } from "../errors.ts";

/** Largest document that is read into memory, in bytes: a config with the record of 20,000 paths has about 10 MB. */
const DOCUMENT_BYTES = 64 * 1024 * 1024;

/** The small members of an image by name: its documents, and how large each of its other members is. */
export interface ImageDocuments {
  /** A document's bytes; undefined where there is none of that name, or it is too large to be one. */
  read(name: string): Promise<Buffer | undefined>;
  /** Bytes of a member. */
  sizeOf(name: string): Promise<number | undefined>;
}

/** Whether a path looks like an image: a layout directory, or a tar archive (POSIX `ustar` at byte 257). */
export async function isImagePath(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isDirectory())
    return (await stat(join(path, "oci-layout")).catch(() => undefined))?.isFile() ?? false;
  if (!stats?.isFile()) return false;
  const handle = await open(path, "r");
  try {
    const magic = Buffer.alloc(5);
    await handle.read(magic, 0, magic.length, 257);
    return magic.toString("latin1") === "ustar";
  } finally {
    await handle.close();
  }
}

/**
 * Opens an image's documents: of a layout directory as they are asked for, of an archive by reading it once.
 * @throws OciError `image-corrupted` for an archive that is no tar, is cut off, or has a member twice
 */
export async function openImageDocuments(path: string, signal?: AbortSignal): Promise<ImageDocuments> {
  return (await stat(path)).isDirectory() ? directoryDocuments(path) : archiveDocuments(path, signal);
}

function directoryDocuments(folder: string): ImageDocuments {
  const sizeOf = async (name: string): Promise<number | undefined> => {
    const stats = await stat(join(folder, name)).catch(() => undefined);
    return stats?.isFile() ? stats.size : undefined;
  };
  return {
    sizeOf,
    async read(name) {
      const size = await sizeOf(name);
      return size === undefined || size > DOCUMENT_BYTES ? undefined : readFile(join(folder, name));
    },
  };
}

async function archiveDocuments(path: string, signal: AbortSignal | undefined): Promise<ImageDocuments> {
  const documents = new Map<string, Buffer>();
  const sizes = new Map<string, number>();
  const entries = createReadStream(path, { signal })
    .on("error", (error) => entries.destroy(error))
    .pipe(extract());
  try {
    for await (const entry of entries) {
      const { name, size } = entry.header;
      if (sizes.has(name)) throw new Error(`it has '${name}' twice`);
      sizes.set(name, size);
      const contents = await readStart(entry);
      if (contents !== undefined) documents.set(name, contents);
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw corrupted(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
  return { read: async (name) => documents.get(name), sizeOf: async (name) => sizes.get(name) };
}

/** A member's bytes where it may be a document: JSON begins with a brace or a bracket. */
async function readStart(entry: AsyncIterable<unknown>): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  let isDocument = true;
  for await (const part of entry) {
    const chunk = part as Buffer;
    if (length === 0 && chunk.length > 0) isDocument = chunk[0] === 0x7b || chunk[0] === 0x5b;
    length += chunk.length;
    if (length > DOCUMENT_BYTES) isDocument = false;
    if (isDocument) chunks.push(chunk);
    else chunks.length = 0;
  }
  return isDocument ? Buffer.concat(chunks) : undefined;
}

export function corrupted(path: string, reason: string, cause?: unknown): OciError {
  return new OciError("image-corrupted", `'${path}' is not an image that can be read: ${reason}`, {
    path,
    cause,
    hint: "Give an archive or a layout directory as stowage pack writes it.",
  });
}
