/** What went wrong with a store, a target or a text from Nix; closed, so that a caller can switch over it. */
export type NixErrorCode =
  /** A target is the empty string or holds a NUL byte. */
  | "target-empty"
  /** A target does not exist, or a symlink on the way to it points nowhere. */
  | "target-missing"
  /** A target exists but is not inside the Nix store. */
  | "target-not-in-store"
  /** A target is a derivation (`.drv`), which is a recipe and not a build. */
  | "target-is-derivation"
  /** A path in the store that the store's database does not know. */
  | "path-invalid"
  /** A path's contents cannot be what the store's database says (changed, unreadable kind of file). */
  | "path-corrupted"
  /** A file of the store may not be read by this user. */
  | "path-unreadable"
  /** Entries that are not one tree in NAR order, or contents of another length than said. */
  | "tree-invalid"
  /** Bytes that should be a NAR are none; the error has their place. */
  | "nar-invalid"
  /** Text that should come from Nix (or an exported closure) does not parse. */
  | "format-invalid"
  /** A binary cache cannot be reached, or refuses. */
  | "cache-failed"
  /** A binary cache holds something else than it says, or says what cannot be. */
  | "cache-corrupted"
  /** A binary cache is for another store directory, or has NARs in a form that nobody here reads. */
  | "cache-unsupported"
  /** Nobody who is trusted vouches for what a binary cache says of a path. */
  | "cache-untrusted"
  /** A binary cache failed to give a path whole, and another store that has the same was found: to be read again. */
  | "nar-replaced"
  /** What was fetched cannot be kept on this machine. */
  | "spool-failed"
  /** A store URL or setting this library cannot use. */
  | "store-unsupported"
  /** `nix-store` is not on PATH. */
  | "nix-missing"
  /** The Nix daemon, or the store's database, cannot be reached. */
  | "store-unavailable"
  /** `nix-store` failed in some other way. */
  | "nix-failed";

/** An error of `@stowage/nix`: what (message), which path, why (cause), and what to do next (hint). */
export class NixError extends Error {
  override readonly name = "NixError";
  readonly code: NixErrorCode;
  /** What the user can do about it, one sentence. */
  readonly hint: string | undefined;
  /** The path that the error is about, as the user or Nix wrote it. */
  readonly path: string | undefined;
  /** The byte of a stream that the error is about, counted from 0. */
  readonly position: number | undefined;

  constructor(
    code: NixErrorCode,
    message: string,
    options: {
      hint?: string | undefined;
      path?: string | undefined;
      position?: number | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.path = options.path;
    this.position = options.position;
  }
}
