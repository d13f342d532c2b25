import type { NarHash, StorePath } from "@stowage/nix";
import type { ImageAccess } from "./registry/open-image-at.ts";
import type { VerifyFinding } from "./verify/finding.ts";

/** What {@link inspect} is asked. */
export interface InspectOptions extends ImageAccess {
  /** An archive, a layout directory, or a reference in a registry. */
  readonly image: string;
  /** Which images of several are explained, `OS/ARCHITECTURE[/VARIANT]`; default all. */
  readonly platform?: string | undefined;
  readonly onProgress?: ((progress: ReadProgress) => void) | undefined;
}

/** Bytes of layers read, and of all layers together as stored; about how many where digests are made, until all are. */
export interface ReadProgress {
  readonly phase: "read";
  readonly read: number;
  readonly total: number;
  /** Bytes that came from binary caches for it, compressed as they are, where any had to come. */
  readonly received?: number;
}

/** What a place holds, explained; sizes in bytes. */
export interface Inspection {
  readonly image: string;
  readonly form: "archive" | "oci-dir" | "registry";
  readonly images: readonly InspectedImage[];
  /** What keeps the answer from being whole, or makes it doubtful. */
  readonly findings: readonly VerifyFinding[];
}

/** One image of the place. */
export interface InspectedImage {
  readonly names: readonly string[];
  readonly manifestDigest?: string;
  readonly imageId?: string;
  /** `linux/amd64`. */
  readonly platform?: string;
  /** RFC 3339. */
  readonly created?: string;
  readonly config: InspectedConfig;
  readonly history: readonly InspectedStep[];
  /** From the bottom up. */
  readonly layers: readonly InspectedLayer[];
  readonly totals: {
    /** As stored. */
    readonly size: number;
    /** Of the tars. */
    readonly plainSize: number;
    readonly entries: number;
    readonly storePaths: number;
  };
  /** Missing where there is too much in it to tell. */
  readonly waste?: InspectedWaste;
}

/** How the image's container is started. */
export interface InspectedConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly workingDir?: string;
  readonly user?: string;
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal?: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One entry of the history. */
export interface InspectedStep {
  readonly created?: string;
  /** Of a layer by Stowage without the record that only machines read. */
  readonly createdBy?: string;
  readonly comment?: string;
  /** The layer it made; missing where it made none. */
  readonly layer?: number;
}

/** One layer as it really is. */
export interface InspectedLayer {
  /** Of the stored bytes; missing where the layer is not there. */
  readonly digest?: string;
  /** Of the tar; missing where it cannot be read. */
  readonly diffId?: string;
  readonly mediaType?: string;
  readonly compression?: "none" | "gzip" | "zstd";
  /** As stored. */
  readonly size: number;
  /** Of the tar. */
  readonly plainSize: number;
  readonly entries: number;
  /** Of its files' contents. */
  readonly contentSize: number;
  /** Of those, what layers above hide. */
  readonly hiddenSize: number;
  readonly storePaths: readonly InspectedPath[];
}

/** A store path in a layer. */
export interface InspectedPath {
  readonly path: StorePath;
  readonly name: string;
  /** Empty where there is none. */
  readonly version: string;
  /** Missing, with the hash, where it is not whole. */
  readonly narSize?: number;
  /** Recomputed from the layer. */
  readonly narHash?: NarHash;
}

/** What an image holds and does not need; all bytes of files' contents. */
export interface InspectedWaste {
  readonly contentSize: number;
  readonly visibleSize: number;
  readonly hiddenSize: number;
  readonly repeatedSize: number;
  /** Bytes that a container sees, of all bytes: 1 where no layer hides anything. */
  readonly efficiency: number;
  /** Largest first. */
  readonly hidden: readonly {
    readonly path: string;
    readonly size: number;
    readonly layer: number;
    /** The layer that hides it. */
    readonly by: number;
    readonly reason: "overwritten" | "deleted";
  }[];
  /** The same contents at several places that a container sees; most wasted first. */
  readonly repeated: readonly {
    readonly size: number;
    readonly wasted: number;
    readonly places: readonly { readonly path: string; readonly layer: number }[];
  }[];
}

/** One entry of a layer. */
export interface LayerFileEntry {
  readonly path: string;
  readonly type: string;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of contents. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  /** Of a symlink or a hard link. */
  readonly target?: string;
}
