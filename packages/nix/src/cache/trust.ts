import { NixError } from "../errors.ts";
import { makesPath, parseContentAddress, type ContentAddress } from "./content-address.ts";
import type { NarInfo } from "./narinfo.ts";
import { readListSetting } from "./nix-conf.ts";
import { DEFAULT_PUBLIC_KEY, isSignedBy, parsePublicKey, type PublicKey } from "./signature.ts";

/** Whose word counts. */
export interface TrustOptions {
  /** Keys beside those of nix.conf, as `nix-store --generate-binary-cache-key` writes them. */
  readonly publicKeys?: readonly string[] | undefined;
  /** False takes what any cache says, signed or not. */
  readonly checkSignatures?: boolean | undefined;
}

/** Why what a cache says of a path counts. */
export type Grounds =
  | { readonly kind: "signed" }
  /** The contents have to be held against it. */
  | { readonly kind: "content"; readonly address: ContentAddress }
  /** The user asked for no check. */
  | { readonly kind: "unchecked" };

/** Decides whether what a cache says of a path counts, as Nix does (nix.conf(5), `require-sigs`, `trusted-public-keys`). */
export class Trust {
  readonly #options: TrustOptions;
  readonly #environment: NodeJS.ProcessEnv;
  #keys: Promise<readonly PublicKey[]> | undefined;

  constructor(options: TrustOptions, environment: NodeJS.ProcessEnv) {
    this.#options = options;
    this.#environment = environment;
  }

  /**
   * Signed by a trusted key; or unsigned, where the path is the one that its content address and references make.
   * @param from what errors call the file
   * @throws NixError `cache-untrusted`, `store-unsupported` (a key or a configuration that cannot be read)
   */
  async judge(info: NarInfo, from: string): Promise<Grounds> {
    if (this.#options.checkSignatures === false) return { kind: "unchecked" };
    const keys = await (this.#keys ??= this.#readKeys());
    if (isSignedBy(info, keys)) return { kind: "signed" };
    const address = info.contentAddress === undefined ? undefined : parseContentAddress(info.contentAddress);
    if (address !== undefined && makesPath(address, info.path, info.references))
      return { kind: "content", address };
    throw untrusted(info, keys, from);
  }

  async #readKeys(): Promise<PublicKey[]> {
    const names = ["trusted-public-keys", "binary-cache-public-keys"];
    const configured = await readListSetting(names, [DEFAULT_PUBLIC_KEY], this.#environment);
    return [...configured, ...(this.#options.publicKeys ?? [])].map(parsePublicKey);
  }
}

function untrusted(info: NarInfo, keys: readonly PublicKey[], from: string): NixError {
  const signers = info.signatures.map((signature) => signature.slice(0, Math.max(0, signature.indexOf(":"))));
  const known = signers.filter((signer) => keys.some(({ name }) => name === signer));
  const reason =
    signers.length === 0
      ? "it is not signed"
      : known.length > 0
        ? `its signature by '${known.join("', '")}' is not true of it`
        : `nobody trusted signed it, only '${signers.join("', '")}'`;
  return new NixError("cache-untrusted", `${from}: ${reason}`, {
    path: info.path,
    hint: "Give the cache's own key with --trusted-public-key; --no-check-sigs takes anybody's word.",
  });
}
