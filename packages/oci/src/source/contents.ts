import type { Finding } from "../finding.ts";
import type { Digest } from "../spec/digest.ts";
import type { StoredBlob } from "./image-source.ts";
import type { ConfigSummary } from "./read-config.ts";

/** What a source's documents say, the layers unread. */
export interface Contents {
  readonly images: readonly ImageContents[];
  /** What nothing refers to. */
  readonly unreferenced: readonly StoredBlob[];
  /** What is wrong with the place and its documents. */
  readonly findings: readonly Finding[];
}

/** One image as its documents describe it. */
export interface ImageContents {
  /** Its first name, or its digest: what findings call it. */
  readonly title: string;
  /** In full, as `docker.io/library/hello:1`; as they stand there where they are no such names. */
  readonly names: readonly string[];
  /** None in a plain docker-archive. */
  readonly manifestDigest: Digest | undefined;
  /** SHA-256 of the config as it is. */
  readonly imageId: Digest | undefined;
  /** Undefined where it cannot be read. */
  readonly config: ConfigSummary | undefined;
  /** From the bottom up. */
  readonly layers: readonly LayerContents[];
  /** Whether it is no file system but something said about an image (a signature, a build's provenance). */
  readonly isArtifact: boolean;
  /** Whether the place lists it itself, and not an index below its own. */
  readonly isTop: boolean;
}

/** One layer as the documents describe it; what they do not say is undefined. */
export interface LayerContents {
  /** Its digest, or its member in a docker-archive. */
  readonly name: string;
  /** Undefined where it is not there. */
  readonly blob: StoredBlob | undefined;
  readonly mediaType: string | undefined;
  readonly digest: Digest | undefined;
  readonly size: number | undefined;
  readonly diffId: Digest | undefined;
}
