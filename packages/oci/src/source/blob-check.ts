import type { ImageFindingCode } from "../finding.ts";
import { DigestHash, type Digest } from "../spec/digest.ts";

/** What bytes are said to be; what is not said is not compared. */
export interface ExpectedBlob {
  readonly digest?: Digest | undefined;
  readonly size?: number | undefined;
}

/** Compares a blob's digest and size with what is expected of it, once all its bytes have passed by. */
export class BlobCheck {
  readonly #hash = new DigestHash();
  #size = 0;

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#size += chunk.length;
  }

  /** Ends it. */
  finish(): BlobFacts {
    return { digest: this.#hash.digest(), size: this.#size };
  }
}

/** What a blob really is. */
export interface BlobFacts {
  readonly digest: Digest;
  readonly size: number;
}

/** How a blob differs from what is expected of it. */
export function compareBlob(
  facts: BlobFacts,
  expected: ExpectedBlob,
): { readonly code: ImageFindingCode; readonly message: string }[] {
  const { digest = facts.digest, size = facts.size } = expected;
  return [
    ...(digest === facts.digest
      ? []
      : [{ code: "digest-mismatch" as const, message: `its digest is ${facts.digest}, not ${digest}` }]),
    ...(size === facts.size
      ? []
      : [{ code: "size-mismatch" as const, message: `it has ${facts.size} bytes, not ${size}` }]),
  ];
}
