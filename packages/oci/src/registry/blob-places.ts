import type { Digest } from "../spec/digest.ts";

/** In which repositories of registries blobs lie, remembered from one push to the next. Nothing is believed for it. */
export interface BlobPlaces {
  /** Repositories of a registry that may have a blob, the latest first. */
  find(domain: string, digest: Digest): readonly string[];
  /** A repository has the blob. */
  add(domain: string, digest: Digest, repository: string): void;
  /** It is not to be had from there. */
  drop(domain: string, digest: Digest, repository: string): void;
}
