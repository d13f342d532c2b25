import { decodeNix32, encodeNix32 } from "./base32.ts";
import { NixError } from "./errors.ts";

declare const brand: unique symbol;

/** SHA-256 of a NAR in SRI form: `sha256-` and 44 characters of base 64. */
export type NarHash = string & { readonly [brand]: "NarHash" };

const HASH_BYTES = 32;

/**
 * Reads a SHA-256 in any form that Nix prints: `sha256:` with base 16 or Nix's base 32, SRI, or bare base 16.
 * @throws NixError `format-invalid`
 */
export function parseNarHash(text: string): NarHash {
  const digits = text.startsWith("sha256:") ? text.slice("sha256:".length) : text;
  if (/^[0-9a-f]{64}$/.test(digits)) return fromBytes(Buffer.from(digits, "hex"));
  if (text.startsWith("sha256:") && digits.length === 52) return fromBytes(decodeNix32(digits));
  const sri = /^sha256-([A-Za-z0-9+/]{43}=)$/.exec(text)?.[1];
  if (sri !== undefined) {
    const hash = fromBytes(Buffer.from(sri, "base64"));
    if (hash === text) return hash;
  }
  throw new NixError("format-invalid", `'${text}' is not a SHA-256 as Nix writes it`);
}

/** The 64 hexadecimal digits of a hash. */
export function narHashToHex(hash: NarHash): string {
  return toBytes(hash).toString("hex");
}

/** `sha256:` and 52 digits of Nix's base 32, as narinfo files and older Nix have it. */
export function narHashToNix32(hash: NarHash): string {
  return `sha256:${encodeNix32(toBytes(hash))}`;
}

function toBytes(hash: NarHash): Buffer {
  return Buffer.from(hash.slice("sha256-".length), "base64");
}

function fromBytes(bytes: Uint8Array): NarHash {
  if (bytes.length !== HASH_BYTES)
    throw new NixError("format-invalid", `a SHA-256 has ${HASH_BYTES} bytes, not ${bytes.length}`);
  return `sha256-${Buffer.from(bytes).toString("base64")}` as NarHash;
}
