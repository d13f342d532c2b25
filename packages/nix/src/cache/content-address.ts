import { createHash } from "node:crypto";
import { decodeNix32, encodeNix32 } from "../base32.ts";
import { storePathName, type StorePath } from "../store-path.ts";

/** How a store path follows from its contents. */
export interface ContentAddress {
  /** What is hashed: the NAR, or the contents of the one file there is. */
  readonly method: "nar" | "flat" | "text";
  readonly algorithm: HashAlgorithm;
  readonly hash: Buffer;
}

const hashBytes = { md5: 16, sha1: 20, sha256: 32, sha512: 64 } as const;
export type HashAlgorithm = keyof typeof hashBytes;

/** Bytes of the hash in a store path. */
const PATH_HASH_BYTES = 20;

/** Reads `fixed:[r:]ALGORITHM:HASH` or `text:sha256:HASH`; undefined for anything else, newer methods too. */
export function parseContentAddress(text: string): ContentAddress | undefined {
  const [, kind = "", algorithm = "", digits = ""] =
    /^(text|fixed|fixed:r):(md5|sha1|sha256|sha512):([0-9a-z]+)$/.exec(text) ?? [];
  if (kind === "" || (kind === "text" && algorithm !== "sha256")) return undefined;
  const known = algorithm as HashAlgorithm;
  const hash = readHash(digits, hashBytes[known]);
  if (hash === undefined) return undefined;
  return { method: kind === "fixed:r" ? "nar" : kind === "fixed" ? "flat" : "text", algorithm: known, hash };
}

function readHash(digits: string, length: number): Buffer | undefined {
  if (digits.length === 2 * length && /^[0-9a-f]+$/.test(digits)) return Buffer.from(digits, "hex");
  if (digits.length !== Math.ceil((length * 8) / 5)) return undefined;
  try {
    return Buffer.from(decodeNix32(digits));
  } catch {
    return undefined;
  }
}

/**
 * Whether a path is the one that a content address makes with these references (Nix 2.34, `StoreDirConfig::makeFixedOutputPathFromCA`).
 */
export function makesPath(
  address: ContentAddress,
  path: StorePath,
  references: readonly StorePath[],
): boolean {
  return storePathOf(address, path, references) === path;
}

function storePathOf(
  { method, algorithm, hash }: ContentAddress,
  path: StorePath,
  references: readonly StorePath[],
): string | undefined {
  const storeDir = path.slice(0, path.lastIndexOf("/"));
  const name = storePathName(path);
  const others = references.filter((reference) => reference !== path);
  const isSelf = others.length < references.length;
  const withReferences = (type: string): string => [type, ...others, ...(isSelf ? ["self"] : [])].join(":");
  const make = (type: string, inner: Buffer): string => makeStorePath(type, inner, { storeDir, name });
  if (method === "text") return isSelf ? undefined : make(withReferences("text"), hash);
  if (method === "nar" && algorithm === "sha256") return make(withReferences("source"), hash);
  if (references.length > 0) return undefined;
  const described = `fixed:out:${method === "nar" ? "r:" : ""}${algorithm}:${hash.toString("hex")}:`;
  return make("output:out", createHash("sha256").update(described).digest());
}

function makeStorePath(
  type: string,
  hash: Buffer,
  { storeDir, name }: { readonly storeDir: string; readonly name: string },
): string {
  const described = `${type}:sha256:${hash.toString("hex")}:${storeDir}:${name}`;
  const whole = createHash("sha256").update(described).digest();
  const folded = Buffer.alloc(PATH_HASH_BYTES);
  for (const [index, byte] of whole.entries()) folded[index % PATH_HASH_BYTES]! ^= byte;
  return `${storeDir}/${encodeNix32(folded)}-${name}`;
}
