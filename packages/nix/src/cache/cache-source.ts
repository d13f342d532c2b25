/** What a cache answered. */
export interface CacheAnswer {
  /** Undefined where there is no such file. */
  readonly bytes: AsyncIterable<Uint8Array> | undefined;
  /** What was done to the file on its way (RFC 9110, 8.4): `gzip`. */
  readonly encoding?: string | undefined;
  /** Why not, where there is more to say of it than that: `403`. */
  readonly reason?: string | undefined;
}

/** The files of a binary cache. */
export interface CacheSource {
  /** What errors call it. */
  readonly name: string;
  /**
   * Reads a file by a name relative to the cache, which comes from outside for NARs and must not lead out of it.
   * @throws NixError `cache-failed`, `cache-corrupted` (a name that leads elsewhere)
   */
  get(name: string, signal: AbortSignal | undefined): Promise<CacheAnswer>;
}

/** How a file on the network is read: this package speaks no HTTP itself. */
export interface Transport {
  /**
   * One file; redirects followed, what was interrupted gone on with.
   * @throws NixError `cache-failed`
   */
  get(url: URL, options: { readonly signal: AbortSignal | undefined }): Promise<CacheAnswer>;
}
