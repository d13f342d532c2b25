import { createHash } from "node:crypto";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { NarHash, StorePath } from "@stowage/nix";
import type { LayerFacts } from "@stowage/oci";
import { Remembered } from "../cache/remembered.ts";

/** To be raised with any change to what is remembered, or to how layers are read. */
const FORMAT = 1;
/** A Debian base's layer takes some 150 KiB. */
const MAX_ENTRIES = 256;
/** What would be larger is read again; so is what claims to be. */
const MAX_BYTES = 32 * 1024 * 1024;
const SUM_BYTES = 32;

/** Everything that a pack wants to know of a layer of its base but the bytes. */
export interface KnownLayer {
  readonly facts: LayerFacts;
  /** Store paths of which it has something. */
  readonly storePaths: readonly StorePathPiece[];
  /** Contents of files that are asked for, by their path from the root. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** What a layer has of a store path. */
export interface StorePathPiece {
  readonly path: StorePath;
  /** Undefined where it is no tree that a store can hold. */
  readonly narHash: NarHash | undefined;
}

/**
 * What is in layers of bases from registries, remembered by their digests: a base that was read once need not be downloaded to be
 * packed on again. An entry checks itself.
 */
export class KnownLayers extends Remembered {
  constructor(environment: NodeJS.ProcessEnv, onNotice?: (notice: string) => void) {
    super(environment, {
      name: "base-layers",
      title: "what is known of bases",
      maxEntries: MAX_ENTRIES,
      onNotice,
    });
  }

  /** @param layer its digest, and the store directory that it was read for */
  get(layer: LayerName): KnownLayer | undefined {
    const key = keyOf(layer);
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    try {
      return decode(key, layer, entry);
    } catch {
      return undefined;
    }
  }

  put(layer: LayerName, known: KnownLayer): void {
    const { facts, storePaths, files } = known;
    // What a layer is called is what its bytes are.
    if (facts.stored.digest !== layer.digest || !facts.isWhole) return;
    const key = keyOf(layer);
    const text = JSON.stringify({
      key,
      facts,
      storePaths,
      files: [...files].map(([path, bytes]) => [path, bytes.toString("base64")]),
    });
    if (text.length > MAX_BYTES) return;
    const packed = zstdCompressSync(text);
    this.entries.put(key, Buffer.concat([sumOf(packed), packed]));
  }
}

interface LayerName {
  readonly digest: string;
  readonly storeDir: string;
}

function decode(key: string, { digest }: LayerName, entry: Buffer): KnownLayer | undefined {
  const packed = entry.subarray(SUM_BYTES);
  if (!sumOf(packed).equals(entry.subarray(0, SUM_BYTES))) return undefined;
  const text = zstdDecompressSync(packed, { maxOutputLength: 2 * MAX_BYTES }).toString();
  const known = JSON.parse(text) as Omit<KnownLayer, "files"> & {
    readonly key: string;
    readonly files: readonly (readonly [path: string, base64: string])[];
  };
  const { facts, storePaths, files } = known;
  if (known.key !== key || facts.stored.digest !== digest) return undefined;
  const bytes = files.map(([path, base64]) => [path, Buffer.from(base64, "base64")] as const);
  return { facts, storePaths, files: new Map(bytes) };
}

function keyOf({ digest, storeDir }: LayerName): string {
  return createHash("sha256")
    .update(JSON.stringify({ format: FORMAT, digest, storeDir }))
    .digest("hex");
}

function sumOf(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
