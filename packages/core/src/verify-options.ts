import type { VerifiedStorePath } from "./verify/check-store-paths.ts";
import type { ImageAccess } from "./registry/open-image-at.ts";
import type { StoreAccess } from "./open-stores.ts";
import type { VerifyFinding } from "./verify/finding.ts";

/** What {@link verify} is asked. */
export interface VerifyOptions extends ImageAccess, StoreAccess {
  /** An archive, a layout directory, or a reference in a registry. */
  readonly image: string;
  /** An archive's bytes, read once from front to back; `image` is only what it is called then. */
  readonly stream?: AsyncIterable<Uint8Array> | undefined;
  /** Which images of several are verified, `OS/ARCHITECTURE[/VARIANT]`; default all. */
  readonly platform?: string | undefined;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

/** Bytes of layers read, and of all layers together as stored. */
export interface VerifyProgress {
  readonly phase: "verify";
  readonly read: number;
  readonly total: number;
}

/** What an image as a whole is. */
export type Verdict =
  /** Nothing is wrong, and every store path is what this machine's Nix has. */
  | "matches-nix"
  /** Nothing is wrong, and every store path that Nix does not know is what the image's own record says. */
  | "self-consistent"
  /** Nothing is wrong with the image's form, and for some store path nothing says what it should be. */
  | "unchecked"
  /** Nothing is wrong with the image's form, and it has no store paths. */
  | "well-formed"
  /** There are findings. */
  | "failed";

/** What {@link verify} found out; sizes in bytes. */
export interface VerifyResult {
  readonly verdict: Verdict;
  readonly image: string;
  readonly form: "archive" | "oci-dir" | "registry";
  readonly images: readonly ImageReport[];
  /** Blobs of a layout that none of its images refers to. */
  readonly unreferenced: readonly { readonly name: string; readonly size: number }[];
  readonly store: StoreReport;
  readonly findings: readonly VerifyFinding[];
}

/** One image of the place. */
export interface ImageReport {
  readonly names: readonly string[];
  /** None in a docker-archive. */
  readonly manifestDigest?: string;
  readonly imageId?: string;
  /** `linux/amd64`. */
  readonly platform?: string;
  readonly layers: readonly LayerReport[];
  readonly storePaths: readonly VerifiedStorePath[];
}

/** One layer, as it really is. Without digests it is not there. */
export interface LayerReport {
  readonly digest?: string;
  readonly diffId?: string;
  readonly size: number;
  readonly entries: number;
}

/** Whether Nix was asked about the store paths. */
export interface StoreReport {
  readonly asked: boolean;
  /** Why not. */
  readonly reason?: string;
  /** How many of the paths it knows. */
  readonly known: number;
}
