import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  DigestHash,
  layerSize,
  parseImageName,
  writeLayer,
  type ImageDraft,
  type LayerDraft,
  type LayerEntry,
} from "@stowage/oci";

/** A layer of entries that are in memory, written after a while; nothing is remembered of it. */
export function memoryLayer(entries: readonly LayerEntry[], name = "memory", milliseconds = 0): LayerDraft {
  return {
    history: { created: "1970-01-01T00:00:01Z", created_by: name },
    size: async () => layerSize(entries),
    recall: async () => undefined,
    async writeAt(fd, offset, { signal, onBytes }) {
      await sleep(milliseconds, undefined, { signal });
      const hash = new DigestHash();
      writeSparsely(writeLayer(entries), { fd, offset }, (chunk) => {
        hash.update(chunk);
        onBytes?.(chunk.length);
      });
      return hash.digest();
    },
    async measure({ onBytes }) {
      const hash = new DigestHash();
      for (const chunk of writeLayer(entries)) {
        hash.update(chunk);
        onBytes?.(chunk.length);
      }
      return hash.digest();
    },
    async *chunks() {
      yield* writeLayer(entries);
    },
    confirm: async () => {},
  };
}

/** Writes zeros as holes: a layer of many gigabytes of them takes no room on the disk. */
export function writeSparsely(
  chunks: Iterable<Uint8Array>,
  { fd, offset }: { readonly fd: number; readonly offset: number },
  onChunk?: (chunk: Uint8Array) => void,
): void {
  let position = offset;
  for (const chunk of chunks) {
    if (!isZero(chunk)) writeSync(fd, chunk, 0, chunk.length, position);
    position += chunk.length;
    onChunk?.(chunk);
  }
}

/** A layer of one file. */
export function layerOf(name: string, contents: string, milliseconds = 0): LayerDraft {
  return memoryLayer([fileEntry(`/${name}`, contents)], name, milliseconds);
}

export function fileEntry(name: string | Buffer, contents: string | Buffer, mode = 0o444): LayerEntry {
  const bytes = Buffer.from(contents as string);
  return { type: "file", name: Buffer.from(name as string), mode, size: bytes.length, chunks: () => [bytes] };
}

export function directoryEntry(name: string | Buffer, mode = 0o555): LayerEntry {
  return { type: "directory", name: Buffer.from(name as string), mode };
}

export function symlinkEntry(name: string | Buffer, target: string | Buffer): LayerEntry {
  return {
    type: "symlink",
    name: Buffer.from(name as string),
    mode: 0o777,
    target: Buffer.from(target as string),
  };
}

/** A file of zeros, as large as one likes. */
export function zerosEntry(name: string, size: number): LayerEntry {
  const zeros = Buffer.alloc(1024 * 1024);
  return {
    type: "file",
    name: Buffer.from(name),
    mode: 0o444,
    size,
    *chunks() {
      for (let left = size; left > 0; left -= zeros.length)
        yield zeros.subarray(0, Math.min(left, zeros.length));
    },
  };
}

/** An image of some layers. */
export function imageOf(layers: readonly LayerDraft[], ...names: readonly string[]): ImageDraft {
  return {
    layers,
    config: { created: "1970-01-01T00:00:01Z", architecture: "amd64", os: "linux", config: { Env: ["A=1"] } },
    names: (names.length === 0 ? ["tiny:1"] : names).map((name) => parseImageName(name)),
  };
}

const BLOCK_OF_ZEROS = Buffer.alloc(1024 * 1024);

function isZero(chunk: Uint8Array): boolean {
  return chunk.length === BLOCK_OF_ZEROS.length && BLOCK_OF_ZEROS.equals(chunk);
}
