import type { Writable } from "node:stream";
import type { LoadedImage } from "./engine/load-draft.ts";
import type { EngineName } from "./engine/engine.ts";
import type { ContainerOptions } from "./build/config/container-config.ts";
import type { StoreAccess } from "./open-stores.ts";
import type { Extra } from "./build/root/extras.ts";
import type { OwnDirectory, OwnFile } from "./build/root/own-files.ts";
import type { AttachedFile, Attachment } from "./registry/attach-files.ts";
import type { PushedName } from "./registry/push-draft-to.ts";
import type { RegistryAccess } from "./registry/registry-access.ts";
import type { LayeringStrategyName } from "./plan/layer-plan.ts";
import type { PlanSources } from "./plan/read-known.ts";

/** `archive`: the file that everything loads; `docker-archive`: the streamed form; `oci-dir`: an OCI layout directory. */
export type ImageFormat = "archive" | "docker-archive" | "oci-dir";

/** The options of the `pack` command, as data. Everything but `targets` may be left out. */
export interface PackOptions extends ContainerOptions, PlanSources, Omit<StoreAccess, "onReplaced"> {
  /**
   * Result links, store paths, or paths inside one; all become one image. With `graph` also a package's name, and none
   * means the roots of the graph.
   */
  readonly targets: readonly string[];
  /**
   * An exported closure in any form that Nix prints: it answers in place of a store, and no program of Nix is run. The
   * files are read where the store lies.
   */
  readonly graph?: string | undefined;
  /** Further store paths that come along with all they need: no link leads to them, and PATH does not name them. */
  readonly include?: readonly string[] | undefined;
  /**
   * A file's (or layout directory's) path, or a stream that gets a docker-archive. Default `<package name>.tar`, or none
   * where the image is pushed or loaded.
   */
  readonly output?: string | Writable | undefined;
  readonly format?: ImageFormat | undefined;
  /** References in registries, `REGISTRY/NAME[:TAG]`, that the image is pushed to. */
  readonly push?: readonly string[] | undefined;
  /**
   * Annotations of the manifest: keys in full, or words of the OCI image spec such as `source`, `revision` and `version`, which
   * become labels too.
   */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Engines on this machine that the image is loaded into. */
  readonly load?: readonly EngineName[] | undefined;
  /** An image that the closure goes on top of: an archive, a layout directory, or a reference in a registry. */
  readonly base?: string | undefined;
  /** Files that are attached to what is pushed, as artifacts that refer to it (OCI image spec 1.1, `subject`). */
  readonly attach?: readonly Attachment[] | undefined;
  /** How those registries are spoken to. */
  readonly registry?: RegistryAccess | undefined;
  /** `NAME[:TAG]`; default `<package name>:latest`. */
  readonly tags?: readonly string[] | undefined;
  /** Docker's `USER[:GROUP]`. A name that is not root or nobody becomes 1000:1000 with a home. */
  readonly user?: string | undefined;
  /** An OCI or Docker config, parsed; the other options win over it. */
  readonly config?: unknown;
  /** Where a symlink to the first target goes; default `/result`. */
  readonly link?: string | undefined;
  /** Symlinks what the targets hold into `/`: `bin/tool` as `/bin/tool`. */
  readonly copyToRoot?: boolean | undefined;
  readonly directories?: readonly OwnDirectory[] | undefined;
  readonly files?: readonly OwnFile[] | undefined;
  readonly with?: readonly Extra[] | undefined;
  /** Nothing but the store paths and the link: no /tmp, no /etc/passwd, group, nsswitch.conf. */
  readonly bare?: boolean | undefined;
  readonly layering?: LayeringStrategyName | undefined;
  /** Layers of the whole image, 2 to 125; default 100. */
  readonly maxLayers?: number | undefined;
  /** `none`, `gzip[:LEVEL]` or `zstd[:LEVEL]`; default `none`. Bytes of compressed layers depend on Node's codec too. */
  readonly compression?: string | undefined;
  /** Lets compressed layers go to a stream by way of an unnamed file in `TMPDIR`, as their sizes come before them. */
  readonly spool?: boolean | undefined;
  /** `OS/ARCHITECTURE[/VARIANT]`; default from the entrypoint's ELF file. */
  readonly platform?: string | undefined;
  /** RFC 3339, `source-date-epoch` or `now`; default 1970-01-01T00:00:01Z. */
  readonly created?: string | undefined;
  /**
   * Checks the bytes that are packed, by each path's NAR hash or by what the digest cache knows of bytes that were
   * checked so, and makes a corrupted path an error that names it; default true.
   */
  readonly check?: boolean | undefined;
  /**
   * Flushes an archive in a file to the disk before it gets its name; default true. Without, it still appears whole or not at all, but
   * a power cut soon after may leave it broken, and a disk that fails late is not heard of: for what can be made again.
   */
  readonly sync?: boolean | undefined;
  /** Worker threads; default the available parallelism, and none where no more than 32 MiB are read. */
  readonly jobs?: number | undefined;
  /** Decides everything, writes nothing; `digests` computes the digests nevertheless. */
  readonly dryRun?: boolean | "digests" | undefined;
  /** Default `process.env`: `NIX_REMOTE`, `NIX_STORE_DIR`, `XDG_CACHE_HOME`, `SOURCE_DATE_EPOCH` (only for `created`). */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PackProgress) => void) | undefined;
  /** Something the user should know although the image is made. */
  readonly onWarning?: ((warning: string) => void) | undefined;
  /** Something that makes no difference to the image, for who wants to know all. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/** What a pack is doing; sizes in bytes. */
export type PackProgress =
  /** Bytes as they come from binary caches, compressed as they are. */
  | { readonly phase: "fetch"; readonly received: number }
  | { readonly phase: "query" }
  | { readonly phase: "base"; readonly read: number; readonly total: number }
  | { readonly phase: "measure"; readonly paths: number; readonly narSize: number }
  | {
      readonly phase: "write" | "push" | "load";
      readonly written: number;
      readonly total: number;
      /** As in `fetch`, where there was anything to fetch. */
      readonly received?: number;
    };

/** One layer of a packed image. Digests are missing after a dry run that did not ask for them. */
export interface PackedLayer {
  /** Store paths, empty for the last layer and those of a base. */
  readonly paths: readonly string[];
  /** Whether it is the base's. */
  readonly isBase?: true;
  /** Bytes of the layer as it is stored; of its plain tar after a dry run. */
  readonly size: number;
  readonly diffId?: string;
  readonly digest?: string;
}

/** What {@link pack} made; sizes in bytes. */
export interface PackResult {
  readonly layers: readonly PackedLayer[];
  /** SHA-256 of the config, as Docker shows it; missing where the layers' digests are. */
  readonly imageId?: string;
  readonly manifestDigest?: string;
  /** The file or directory written; undefined for a stream and after a dry run. */
  readonly output?: string;
  /** Undefined where the image is only pushed or loaded. */
  readonly format?: ImageFormat;
  /** Where the image was pushed to, in the order asked. */
  readonly pushed?: readonly PushedName[];
  /** What was attached to it there. */
  readonly attached?: readonly AttachedFile[];
  /** Engines that the image was loaded into, in the order asked. */
  readonly loaded?: readonly LoadedImage[];
  readonly tags: readonly string[];
  /** `linux/amd64`. */
  readonly platform: string;
  /** The program and its arguments, empty where no rule names one. */
  readonly entrypoint: readonly string[];
  /** Programs that could be meant, where no rule names one. */
  readonly entrypointCandidates: readonly string[];
  readonly closure: { readonly paths: number; readonly narSize: number };
  readonly warnings: readonly string[];
}
