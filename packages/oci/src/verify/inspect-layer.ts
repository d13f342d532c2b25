import { OciError } from "../errors.ts";
import { FindingList, type Finding, type ImageFindingCode } from "../finding.ts";
import { decompressor, sniffCompression } from "../layer/decompress.ts";
import type { TarEntry, TarEntryType } from "../layer/header-decoder.ts";
import { TarReader } from "../layer/tar-reader.ts";
import { BlobCheck, type BlobFacts } from "../source/blob-check.ts";
import type { StoredBlob } from "../source/image-source.ts";
import type { Digest } from "../spec/digest.ts";
import type { Compression } from "../spec/media-kinds.ts";
import { entryPath, pathFault, shownPath } from "./entry-path.ts";

/** What is known of a layer once all its bytes have passed by; plain data. */
export interface LayerFacts {
  /** The stored bytes. */
  readonly stored: BlobFacts;
  readonly compression: Compression;
  /** Whether the tar could be read to its end. */
  readonly isWhole: boolean;
  /** SHA-256 of the tar; undefined where it could not be decompressed to its end. */
  readonly diffId: Digest | undefined;
  /** Bytes of the tar, as far as it could be read. */
  readonly plainSize: number;
  /** Entries of all kinds. */
  readonly entries: number;
  /** The entries that count for the whole image's tree, in order. */
  readonly places: readonly LayerPlace[];
  /** What is wrong with the layer, whichever image it is in. */
  readonly findings: readonly Finding[];
}

/** An entry of a layer, as the tree of all layers needs it. */
export interface LayerPlace {
  /** From the root, as Latin-1 so that each byte counts; empty for the root. */
  readonly path: string;
  readonly type: TarEntryType;
  /** Target of a link, as Latin-1. */
  readonly target: string;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** An entry with its name normalised. */
export interface PathEntry extends TarEntry {
  /** From the root, without slashes around it; empty for the root. */
  readonly path: Buffer;
}

/** Somebody else who looks at a layer's entries as they pass by. */
export interface LayerVisitor {
  /**
   * Takes an entry. `claimed`: the visitor judges it alone, and it is not kept for the tree; `shared`: it is kept too;
   * `left`: the visitor does not want it, nor its contents.
   */
  entry(entry: PathEntry): "claimed" | "shared" | "left";
  /** Contents of the entry that was taken last, valid only during the call. */
  contents(chunk: Uint8Array): void;
}

/** What is kept for the tree; a base system has some ten thousand entries. */
const MAX_PLACES = 500_000;
const MAX_PLACE_BYTES = 64 * 1024 * 1024;
/** A compressed layer may be so large, and 1024 times its stored size more: nearly as much as gzip can. */
const FREE_BYTES = 16 * 1024 ** 3;
const MAX_RATIO = 1024;

/**
 * Reads a layer once, from front to back, with little memory: digests, form, the safety of each entry by itself. What
 * is wrong becomes a finding; the stored bytes are hashed to their end in any case.
 * @throws OciError `image-unreadable`
 */
export async function inspectLayer(
  blob: StoredBlob,
  options: { readonly signal?: AbortSignal | undefined; readonly visitor?: LayerVisitor | undefined } = {},
): Promise<LayerFacts> {
  const stored = new BlobCheck();
  let reading: TarReading | undefined;
  try {
    for await (const chunk of blob.chunks(options.signal)) {
      stored.update(chunk);
      reading ??= new TarReading(sniffCompression(chunk), blob.size, options.visitor);
      await reading.push(chunk);
    }
    reading ??= new TarReading("none", blob.size, options.visitor);
    await reading.end();
  } finally {
    reading?.destroy();
  }
  const facts = stored.finish();
  return { stored: facts, ...reading.facts(facts) };
}

/** The plain side of a layer: ended by the first thing that makes the rest meaningless. */
class TarReading {
  readonly #compression: Compression;
  readonly #findings = new FindingList();
  readonly #plain: BlobCheck | undefined;
  readonly #reader: TarReader;
  readonly #decompressor: ReturnType<typeof decompressor>;
  readonly #visitor: LayerVisitor | undefined;
  readonly #places: LayerPlace[] = [];
  readonly #maxBytes: number;
  #placeBytes = 0;
  #bytes = 0;
  #entries = 0;
  #isTaken = false;
  #isBroken = false;
  /** Whether all plain bytes were seen, well-formed or not. */
  #isDecompressed = false;

  constructor(compression: Compression, storedSize: number, visitor: LayerVisitor | undefined) {
    this.#compression = compression;
    // A plain tar's digest is the blob's own.
    this.#plain = compression === "none" ? undefined : new BlobCheck();
    this.#visitor = visitor;
    this.#maxBytes = compression === "none" ? Infinity : FREE_BYTES + MAX_RATIO * storedSize;
    this.#reader = new TarReader({
      entry: (entry, offset) => this.#onEntry(entry, offset),
      contents: (chunk) => {
        if (this.#isTaken) this.#visitor?.contents(chunk);
      },
    });
    this.#decompressor = decompressor(compression, (chunk) => this.#onPlain(chunk));
  }

  async push(chunk: Uint8Array): Promise<void> {
    if (!this.#isBroken) await this.#attempt(() => this.#decompressor.push(chunk));
  }

  async end(): Promise<void> {
    if (!this.#isBroken) await this.#attempt(() => this.#decompressor.end());
    this.#isDecompressed = !this.#isBroken;
    if (!this.#isBroken) await this.#attempt(async () => this.#reader.end());
  }

  destroy(): void {
    this.#decompressor.destroy();
  }

  facts(stored: BlobFacts): Omit<LayerFacts, "stored"> {
    const plain =
      this.#plain === undefined ? stored : this.#isDecompressed ? this.#plain.finish() : undefined;
    return {
      compression: this.#compression,
      isWhole: !this.#isBroken,
      diffId: plain?.digest,
      plainSize: this.#bytes,
      entries: this.#entries,
      places: this.#places,
      findings: this.#findings.all(),
    };
  }

  async #attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      const code = findingCodeOf(error);
      if (code === undefined) throw error;
      this.#isBroken = true;
      const { message, path } = error as OciError;
      this.#findings.add(code, message, path === undefined ? {} : { entry: path });
    }
  }

  #onPlain(chunk: Uint8Array): void {
    this.#plain?.update(chunk);
    this.#bytes += chunk.length;
    this.#checkSize(this.#bytes);
    this.#reader.push(chunk);
  }

  #onEntry(entry: TarEntry, offset: number): void {
    this.#entries++;
    this.#checkSize(offset + entry.size);
    const path = entryPath(entry.name);
    const fault = pathFault(path);
    if (fault !== undefined) {
      this.#isTaken = false;
      this.#findings.add("entry-name", fault, { entry: entry.name.toString() });
      return;
    }
    const verdict = this.#visitor?.entry({ ...entry, path }) ?? "left";
    this.#isTaken = verdict !== "left";
    if (entry.type.endsWith("device") || entry.type === "fifo")
      this.#findings.add("entry-type", `it is a ${entry.type}`, { entry: shownPath(path) });
    if (verdict !== "claimed") this.#remember(entry, path);
  }

  #remember({ type, linkName, mode, uid, gid }: TarEntry, path: Buffer): void {
    this.#placeBytes += path.length + linkName.length;
    if (this.#places.length === MAX_PLACES || this.#placeBytes > MAX_PLACE_BYTES)
      throw new OciError(
        "tar-too-large",
        `it has more than ${this.#places.length} entries, which are too many`,
      );
    const target = linkName.toString("latin1");
    this.#places.push({ path: path.toString("latin1"), type, target, mode: mode & 0o7777, uid, gid });
  }

  #checkSize(bytes: number): void {
    if (bytes <= this.#maxBytes) return;
    const message = `it would decompress to ${bytes} bytes or more, and no layer that small is so large`;
    throw new OciError("tar-too-large", message);
  }
}

/** What a fault of a layer is called as a finding; undefined for what is no fault of the layer. */
function findingCodeOf(error: unknown): ImageFindingCode | undefined {
  if (!(error instanceof OciError)) return undefined;
  if (error.code === "image-corrupted") return "compression-invalid";
  return error.code.startsWith("tar-") ? (error.code as ImageFindingCode) : undefined;
}
