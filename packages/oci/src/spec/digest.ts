import { createHash } from "node:crypto";
import { OciError } from "../errors.ts";

declare const brand: unique symbol;

/** `sha256:` and 64 lower-case hexadecimal digits (OCI image spec, descriptor.md, "Digests"). */
export type Digest = string & { readonly [brand]: "Digest" };

/** @throws OciError `image-invalid` */
export function parseDigest(text: string): Digest {
  if (!/^sha256:[0-9a-f]{64}$/.test(text)) {
    throw new OciError("image-invalid", `'${text}' is not a sha256 digest`, {
      hint: "A digest is sha256: and 64 lower-case hexadecimal digits.",
    });
  }
  return text as Digest;
}

/** The digest of some bytes. */
export function digestOf(bytes: Uint8Array): Digest {
  return new DigestHash().update(bytes).digest();
}

/** The digest of bytes that come in pieces. */
export class DigestHash {
  readonly #hash = createHash("sha256");

  update(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    return this;
  }

  /** Ends it: nothing can be added afterwards. */
  digest(): Digest {
    return `sha256:${this.#hash.digest("hex")}` as Digest;
  }
}

/** The 64 hexadecimal digits: a blob's file name in a layout. */
export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}
