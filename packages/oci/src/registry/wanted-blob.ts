import type { Digest } from "../spec/digest.ts";

/** A blob as its descriptor says. */
export interface WantedBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}
