import { PLAIN_TAR, type ImageDraft } from "@stowage/oci";
import type { PackProgress } from "./pack-options.ts";

/** Tells how far a pack is: what comes out of caches, and what goes to the image, side by side. */
export class ProgressReport {
  readonly #tell: ((progress: PackProgress) => void) | undefined;
  #received = 0;
  #last: Extract<PackProgress, { readonly written: number }> | undefined;

  constructor(tell: ((progress: PackProgress) => void) | undefined) {
    this.#tell = tell;
  }

  /** Compressed bytes came from a binary cache. */
  readonly received = (bytes: number): void => {
    this.#received += bytes;
    const received = this.#received;
    this.#tell?.(this.#last === undefined ? { phase: "fetch", received } : { ...this.#last, received });
  };

  /** What tells of bytes that are written or pushed, against the sum of all layers' sizes, so many times over. */
  async begin(
    draft: ImageDraft,
    phase: "write" | "push" | "load",
    { times, signal }: { readonly times: number; readonly signal: AbortSignal | undefined },
  ): Promise<((bytes: number) => void) | undefined> {
    const tell = this.#tell;
    if (tell === undefined || times === 0) return undefined;
    const sizes = await Promise.all(
      draft.layers.map(
        async (layer) => (await layer.recall(PLAIN_TAR))?.size ?? layer.estimate ?? layer.size(signal),
      ),
    );
    const below = draft.base?.layers.map(({ size }) => size) ?? [];
    const total = times * [...below, ...sizes].reduce((sum, size) => sum + size, 0);
    let written = 0;
    const add = (bytes: number): void => {
      written += bytes;
      const fetched = this.#received === 0 ? {} : { received: this.#received };
      this.#last = { phase, written: Math.min(written, total), total, ...fetched };
      tell(this.#last);
    };
    // What is written to may take nothing for a while.
    add(0);
    return add;
  }
}
