/** What is wrong with a tar; closed. */
export type TarFaultCode =
  /** It ends in the middle of an entry. */
  | "tar-truncated"
  /** It does not end as a tar does, or goes on after it has ended. */
  | "tar-end"
  | "tar-trailing-data"
  | "tar-checksum"
  /** A header that is none, or that readers disagree about. */
  | "tar-header"
  /** A number that is malformed, negative or too large. */
  | "tar-number"
  /** A kind of entry that no layer has, such as a sparse file. */
  | "tar-type"
  /** An extended header (PAX, GNU long name) that is malformed, too large, or one of too many. */
  | "tar-extension"
  /** Larger, or with more entries, than anybody reads. */
  | "tar-too-large";

/** What went wrong with an image format or a place an image goes to; closed, so that a caller can switch over it. */
export type OciErrorCode =
  | TarFaultCode
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
  /** Compressing failed for want of memory or threads. */
  | "compression-failed"
  /** An image that something is to be put on is for another platform. */
  | "platform-mismatch"
  /** The image's blobs or documents contradict each other or the format. */
  | "image-corrupted"
  /** There is nothing where an image should be. */
  | "image-missing"
  /** An image's file may not be read, or reading it fails. */
  | "image-unreadable"
  /** A registry or its token server cannot be reached, or its certificate is not trusted. */
  | "registry-unreachable"
  /** A registry wants other credentials. */
  | "registry-denied"
  /** A registry does not allow it to whoever asks. */
  | "registry-forbidden"
  /** A registry does not have what was asked for. */
  | "registry-missing"
  /** A registry fails, or answers what the distribution spec does not know. */
  | "registry-failed"
  /** A file of credentials, or a program that keeps them, cannot be used. */
  | "credentials-unusable";

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
