/** What went wrong with an image format or a place an image goes to; closed, so that a caller can switch over it. */
export type OciErrorCode =
  /** An entry that a layer cannot hold: a whiteout name, a NUL byte, a duplicate, a name that leaves the root. */
  | "entry-unrepresentable"
  /** A layer's content was not what its metadata promised. */
  | "layer-inconsistent"
  /** A name, platform, config or other setting of the image is not valid. */
  | "image-invalid"
  /** The output place is of the wrong kind (a directory, a foreign folder, a missing parent). */
  | "output-unusable"
  /** The output's reader went away (EPIPE). */
  | "output-closed"
  /** Writing failed: disk full, permission, I/O. */
  | "output-failed"
  /** The image's blobs or documents contradict each other or the format. */
  | "image-corrupted";

/** An error of `@stowage/oci`: what (message), which path, why (cause), and what to do next (hint). */
export class OciError extends Error {
  override readonly name = "OciError";
  readonly code: OciErrorCode;
  /** What the user can do about it, one sentence. */
  readonly hint: string | undefined;
  /** The file, entry or reference that the error is about. */
  readonly path: string | undefined;

  constructor(
    code: OciErrorCode,
    message: string,
    options: { hint?: string | undefined; path?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.path = options.path;
  }
}
