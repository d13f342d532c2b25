import { createPublicKey, verify, type KeyObject } from "node:crypto";
import { NixError } from "../errors.ts";
import { narHashToNix32 } from "../nar-hash.ts";
import type { NarInfo } from "./narinfo.ts";

/** A key whose signatures count: its name and an Ed25519 key. */
export interface PublicKey {
  readonly name: string;
  readonly key: KeyObject;
}

/** The key of `https://cache.nixos.org`, which Nix trusts where nothing else is said (nix.conf(5), `trusted-public-keys`). */
export const DEFAULT_PUBLIC_KEY = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** What stands before the bytes of an Ed25519 key in DER (RFC 8410, section 4). */
const ED25519_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/**
 * Reads a public key as `nix-store --generate-binary-cache-key` writes it: `<name>:<base 64>`.
 * @throws NixError `store-unsupported`
 */
export function parsePublicKey(text: string): PublicKey {
  const [, name = "", encoded = ""] = /^([^:\s]+):(\S+)$/.exec(text) ?? [];
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.length !== KEY_BYTES || bytes.toString("base64") !== encoded) {
    throw new NixError("store-unsupported", `'${text}' is not a public key`, {
      hint: `It looks like ${DEFAULT_PUBLIC_KEY}.`,
    });
  }
  const der = Buffer.concat([ED25519_PREFIX, bytes]);
  return { name, key: createPublicKey({ key: der, format: "der", type: "spki" }) };
}

/** What a signature is made over (Nix 2.34, `ValidPathInfo::fingerprint`). */
export function fingerprintOf(info: Pick<NarInfo, "path" | "narHash" | "narSize" | "references">): string {
  return ["1", info.path, narHashToNix32(info.narHash), info.narSize, info.references.join(",")].join(";");
}

/** Whether one of the signatures is one of the keys'. */
export function isSignedBy(info: NarInfo, keys: readonly PublicKey[]): boolean {
  const fingerprint = Buffer.from(fingerprintOf(info));
  return info.signatures.some((text) => {
    const at = text.indexOf(":");
    const encoded = text.slice(at + 1);
    const signature = Buffer.from(encoded, "base64");
    return (
      signature.length === SIGNATURE_BYTES &&
      signature.toString("base64") === encoded &&
      keys.some(
        ({ name, key }) => name === text.slice(0, at) && verify(undefined, fingerprint, key, signature),
      )
    );
  });
}
