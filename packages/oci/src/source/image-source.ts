import type { Finding } from "../finding.ts";
import type { BlobFacts } from "./blob-check.ts";
import type { Descriptor } from "../spec/descriptor.ts";

/**
 * A place that images are read from: an archive, a layout directory, a registry. It hands out bytes as they are; whoever reads
 * them compares digest and size ({@link BlobCheck}). Nothing is ever written.
 */
export interface ImageSource extends AsyncDisposable {
  /** As the user named it. */
  readonly place: string;
  readonly form: "archive" | "oci-dir" | "registry";
  /** Where in a registry it is. */
  readonly repository?: { readonly domain: string; readonly name: string } | undefined;
  /** What is wrong with the place itself, whichever images it holds. */
  readonly irregularities: readonly Finding[];
  /** What lies there under a name: `index.json`, `manifest.json`, a layer of a docker-archive. */
  member(name: string): Promise<StoredBlob | undefined>;
  /** What lies there under a descriptor's digest; of a registry, what should, until it is read. */
  blob(descriptor: Pick<Descriptor, "digest" | "mediaType" | "size">): Promise<StoredBlob | undefined>;
  /** Everything that is there; nothing of a registry, which cannot be listed. */
  list(): Promise<readonly StoredBlob[]>;
}

/** Bytes that lie somewhere under a name. */
export interface StoredBlob {
  /** The member's name, `blobs/sha256/…` for what is named by its digest. */
  readonly name: string;
  /** Bytes, as the place says; what is read is exactly as long. */
  readonly size: number;
  /** What the bytes were, where they passed by in a stream and cannot be had again. */
  readonly passed?: BlobFacts | undefined;
  /**
   * The bytes from front to back. Each chunk is valid only until the next is asked for.
   * @throws OciError `image-unreadable`; `image-corrupted` when the file has shrunk; `registry-…`, of which
   *   `registry-missing` says that it is not there
   */
  chunks(signal?: AbortSignal): AsyncIterable<Uint8Array>;
}
