import type { Writable } from "node:stream";
import { OciError, type ImageName, type WrittenLayer } from "@stowage/oci";
import { CoreError } from "../errors.ts";

/** The engines that images are loaded into. */
export type EngineName = "docker" | "podman" | "containerd";

export const engineNames: readonly EngineName[] = ["docker", "podman", "containerd"];

/** Something on this machine that images are loaded into. */
export interface Engine {
  readonly name: EngineName;
  /** What it is sent: `docker`, or `oci` where that keeps the manifest's digest. */
  readonly form: "docker" | "oci";
  /** Whether names are sent in full, `docker.io/library/app:1`; Podman takes others for its own. */
  readonly fullNames: boolean;
  /**
   * What it has already.
   * @throws CoreError `engine-missing`, `engine-failed`
   */
  inspect(signal?: AbortSignal): Promise<EngineContents>;
  /**
   * Has it read what is written. When that fails, or with the signal, nothing gets a name.
   * @throws CoreError `engine-missing`, `engine-failed`
   */
  load<T>(write: (input: Writable) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /**
   * What an image of a name goes by: its ID, or in the form `oci` its manifest's digest; undefined where there is none.
   * @throws CoreError `engine-missing`, `engine-failed`
   */
  findDigest(name: ImageName, signal?: AbortSignal): Promise<string | undefined>;
}

/** What an engine has. */
export interface EngineContents {
  /** Whether it has an image of this name, whatever its tag. */
  hasRepository(name: ImageName): boolean;
  /** Of an image's layers, from the very bottom up, which it has; those that are not known yet are undefined. */
  findLayers(layers: readonly (Pick<WrittenLayer, "diffId" | "digest"> | undefined)[]): readonly boolean[];
}

/** An engine that is known to have nothing, or that nothing can be asked of. */
export const nothingKnown: EngineContents = {
  hasRepository: () => false,
  findLayers: (layers) => layers.map(() => false),
};

/** What people call it. */
const titles: Readonly<Record<EngineName, string>> = {
  docker: "Docker",
  podman: "Podman",
  containerd: "containerd",
};

export function engineMissing(
  engine: EngineName,
  reason: string,
  options: { readonly hint: string; readonly cause?: unknown },
): CoreError {
  return new CoreError(
    "engine-missing",
    `--load ${engine}: ${titles[engine]} cannot be reached: ${reason}`,
    options,
  );
}

export function engineFailed(engine: EngineName, reason: string, cause?: unknown): CoreError {
  return new CoreError(
    "engine-failed",
    `--load ${engine}: ${titles[engine]} did not take the image: ${reason}`,
    {
      cause,
    },
  );
}

/** Whether writing failed because the reader is gone or going: why, it says itself. */
export function isNotTaken(error: unknown): boolean {
  return error instanceof OciError && (error.code === "output-closed" || error.code === "output-failed");
}
