import type { NarHash, StorePath } from "@stowage/nix";

/** What a bill of materials says, in whichever form; plain data. */
export interface Bill {
  /** What it is the bill of. */
  readonly subject: BillSubject;
  /** One for each store path, in path order. */
  readonly components: readonly BillComponent[];
  /** RFC 3339; undefined where nobody asked for a time. */
  readonly created: string | undefined;
  /** A UUID that follows from all that the bill says, or a random one. */
  readonly serial: string;
  readonly tool: { readonly name: string; readonly version: string };
}

/** The thing that the components are in. */
export interface BillSubject {
  readonly kind: "closure" | "image";
  readonly name: string;
  /** Empty where there is none. */
  readonly version: string;
  /** Of an image's manifest, or where it has none of its config. */
  readonly digest?: string;
}

/** A store path. */
export interface BillComponent {
  readonly path: StorePath;
  readonly name: string;
  /** Empty where there is none. */
  readonly version: string;
  /** `out`, `lib`, …: by the deriver where it is known, by the name otherwise. */
  readonly output: string;
  readonly narHash: NarHash;
  readonly narSize: number;
  /** Whether it is something that was asked for, and not only needed. */
  readonly isRoot: boolean;
  /** Itself left out. */
  readonly references: readonly StorePath[];
  /** The layer that has it, where it is in an image. */
  readonly layer?: BillLayer;
}

export interface BillLayer {
  /** From the bottom up, from 0. */
  readonly number: number;
  readonly digest?: string;
  readonly diffId?: string;
}

/**
 * `pkg:nix/openssl@3.0.13?output=dev` (https://github.com/package-url/purl-spec): the type that Nix's own tools for bills of
 * materials write. What is no letter or digit of the store's is encoded.
 */
export function purlOf({
  name,
  version,
  output,
}: Pick<BillComponent, "name" | "version" | "output">): string {
  const at = version === "" ? "" : `@${encodeURIComponent(version)}`;
  const qualifiers = output === "out" ? "" : `?output=${encodeURIComponent(output)}`;
  return `pkg:nix/${encodeURIComponent(name)}${at}${qualifiers}`;
}
