import type { Writable } from "node:stream";

/** A way to Docker's engine. */
export interface DockerRoute {
  /**
   * What it says of itself.
   * @throws CoreError `engine-missing`, `engine-failed`; so do the others
   */
  info(signal?: AbortSignal): Promise<unknown>;
  /** The images that it has; of some no more than their names. */
  images(signal?: AbortSignal): Promise<readonly DockerImage[]>;
  /** An image by its name; undefined where there is none. */
  image(name: string, signal?: AbortSignal): Promise<DockerImage | undefined>;
  /** Has it load what is written. */
  load<T>(write: (input: Writable) => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/** An image as Docker tells of it. */
export interface DockerImage {
  readonly Id?: string;
  readonly RepoTags?: readonly string[] | null;
  readonly RootFS?: { readonly Layers?: readonly string[] };
}

/** So many images are asked for their layers; others are as if they were not there. */
export const MOST_IMAGES = 100;
