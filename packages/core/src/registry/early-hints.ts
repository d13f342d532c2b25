import { Repository, type RepositoryHints } from "@stowage/oci";
import { readHints } from "@stowage/oci/internal";
import type { PushPlace } from "./push-draft-to.ts";
import type { Registries } from "./registry-access.ts";

/**
 * What repositories have so far, asked for before the image is made: connecting, logging in and a registry's answer are waiting, of
 * which there is enough to do meanwhile. What goes wrong with it is told to who wants to know it.
 */
export class EarlyHints implements Disposable {
  readonly #left = new AbortController();
  readonly #asked: Promise<RepositoryHints>[];

  /** @param options `isCompressed`: whether the layers will be */
  constructor(
    places: readonly PushPlace[],
    registries: Registries,
    options: { readonly isCompressed: boolean; readonly signal: AbortSignal | undefined },
  ) {
    const { isCompressed, signal } = options;
    const either = signal === undefined ? this.#left.signal : AbortSignal.any([signal, this.#left.signal]);
    this.#asked = places.map(async ({ domain, repository, names }) => {
      const target = new Repository(registries.get(domain), repository, "pull,push");
      return readHints(target, names[0]?.tag ?? "latest", { withDiffIds: isCompressed, signal: either });
    });
    for (const asked of this.#asked) asked.catch(() => {});
  }

  /** Those of a place, by its number. */
  for(place: number): Promise<RepositoryHints | undefined> {
    return this.#asked[place] ?? Promise.resolve(undefined);
  }

  /** Nobody wants to know what is not answered yet. */
  [Symbol.dispose](): void {
    this.#left.abort();
  }
}
