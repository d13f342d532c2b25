import { OciError } from "../errors.ts";
import { HeaderDecoder } from "../layer/header-decoder.ts";
import { BLOCK, paddingOf } from "../layer/tar-header.ts";
import type { LayerFacts } from "../verify/inspect-layer.ts";
import { sourceOf } from "./archive-source.ts";
import type { BlobFacts } from "./blob-check.ts";
import { ByteReader } from "./byte-reader.ts";
import type { ImageSource, StoredBlob } from "./image-source.ts";
import { DOCUMENT_BYTES } from "./reading.ts";
import { MAX_MEMBERS, MAX_PADDING, toMember, type Member } from "./tar-index.ts";

/** A member so small is kept, whatever it is. */
const SMALL_BYTES = 1024;
/** What is kept of all members together: several images' documents. */
const KEPT_BYTES = 256 * 1024 * 1024;
/** Entries of all layers that are kept for the images' trees. */
const MAX_PLACES = 2_000_000;

export interface StreamOptions {
  /** What the stream is called. */
  readonly place: string;
  readonly signal: AbortSignal | undefined;
  /** Inspects what may be a layer while it passes by: `inspectLayer`, perhaps with a visitor. */
  readonly inspect: (blob: StoredBlob) => Promise<LayerFacts>;
}

/**
 * Reads an archive that cannot be read twice, in one pass from front to back. Which members are layers is said by
 * documents that come last, in a docker-archive that is streamed; so every member that is no document by its first byte
 * is inspected as it passes by, and only what was found out is kept. Documents are kept themselves.
 * @throws OciError `image-corrupted` when it is no tar at all, or has more in it than any image
 */
export async function readArchiveStream(
  chunks: AsyncIterable<Uint8Array>,
  options: StreamOptions,
): Promise<ImageSource> {
  const reading = new StreamReading(new ByteReader(chunks, options.signal), options);
  let fault: OciError | undefined;
  try {
    await reading.readMembers();
  } catch (error) {
    if (!(error instanceof OciError) || !error.code.startsWith("tar-")) throw error;
    fault = error;
  }
  return sourceOf(options.place, {
    members: reading.members,
    fault,
    toBlob: (member) => reading.blobs.get(member) as StoredBlob,
    close: async () => {},
  });
}

class StreamReading {
  readonly members: Member[] = [];
  readonly blobs = new Map<Member, StoredBlob>();
  readonly #reader: ByteReader;
  readonly #options: StreamOptions;
  readonly #names = new Set<string>();
  #kept = 0;
  #places = 0;

  constructor(reader: ByteReader, options: StreamOptions) {
    this.#reader = reader;
    this.#options = options;
  }

  async readMembers(): Promise<void> {
    const decoder = new HeaderDecoder();
    for (;;) {
      if ((await this.#reader.peek()) === undefined)
        throw this.#fault("tar-end", "it does not end as a tar does: is it cut off?");
      const step = decoder.decode(await this.#reader.read(BLOCK));
      if (step.type === "empty") return this.#readEnd();
      if (step.type === "extension") {
        decoder.extend(await this.#reader.read(step.size));
        await this.#skip(paddingOf(step.size));
        continue;
      }
      await this.#readMember(toMember(step.entry, this.#reader.position));
      if (this.members.length > MAX_MEMBERS)
        throw this.#fault("tar-too-large", `it has more than ${MAX_MEMBERS} members`);
    }
  }

  async #readMember(member: Member): Promise<void> {
    const { name, size } = member;
    const isFirst = !this.#names.has(name);
    this.#names.add(name);
    // Of two with one name the first counts.
    if (!isFirst || size === 0) await this.#skip(size);
    const blob = isFirst && size > 0 ? await this.#readBlob(member) : keptBlob(member, Buffer.alloc(0));
    await this.#skip(paddingOf(size));
    this.blobs.set(member, blob);
    this.members.push(member);
  }

  async #readBlob(member: Member): Promise<StoredBlob> {
    const { name, size } = member;
    if (size <= SMALL_BYTES || (await this.#isDocument(size))) {
      this.#kept += size;
      if (this.#kept > KEPT_BYTES) throw tooMuch(this.#options.place, "documents");
      return keptBlob(member, await this.#reader.read(size));
    }
    const end = this.#reader.position + size;
    const passing = { name, size, chunks: () => this.#reader.take(end - this.#reader.position) };
    const facts = await this.#options.inspect(passing);
    this.#places += facts.places.length;
    if (this.#places > MAX_PLACES) throw tooMuch(this.#options.place, "entries");
    return passedBlob(member, facts.stored);
  }

  /** A JSON document, by its first byte. */
  async #isDocument(size: number): Promise<boolean> {
    const first = await this.#reader.peek();
    return size <= DOCUMENT_BYTES && first !== undefined && '{[ "\n\r\t'.includes(String.fromCharCode(first));
  }

  /** A second empty block, and nothing but zeros behind it. */
  async #readEnd(): Promise<void> {
    const second = await this.#reader.read(BLOCK).catch((error: unknown) => {
      const isCutOff = error instanceof OciError && error.code === "tar-truncated";
      throw isCutOff ? this.#fault("tar-end", "it does not end with two empty blocks") : error;
    });
    if (second.some((byte) => byte !== 0))
      throw this.#fault("tar-end", "an empty block stands between members");
    const last = this.#reader.position + MAX_PADDING;
    for await (const chunk of this.#reader.rest())
      if (this.#reader.position > last || chunk.some((byte) => byte !== 0))
        throw this.#fault("tar-trailing-data", "something stands behind its end");
  }

  async #skip(length: number): Promise<void> {
    const end = this.#reader.position + length;
    for await (const _ of this.#reader.take(length)) continue;
    if (this.#reader.position !== end) throw this.#fault("tar-truncated", "it is cut off");
  }

  #fault(
    code: "tar-end" | "tar-truncated" | "tar-trailing-data" | "tar-too-large",
    message: string,
  ): OciError {
    return new OciError(code, `${message} (at byte ${this.#reader.position})`);
  }
}

function keptBlob({ name, size }: Member, bytes: Buffer): StoredBlob {
  return {
    name,
    size,
    async *chunks() {
      if (bytes.length > 0) yield bytes;
    },
  };
}

function passedBlob({ name, size }: Member, passed: BlobFacts): StoredBlob {
  const chunks = (): never => {
    throw new OciError("image-corrupted", `'${name}' has passed by and cannot be read again`, {
      hint: "Write the archive to a file, and name that.",
    });
  };
  return { name, size, passed, chunks };
}

function tooMuch(place: string, what: string): OciError {
  return new OciError("image-corrupted", `'${place}' has more ${what} than any image`, { path: place });
}
