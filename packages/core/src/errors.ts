/** What went wrong while a closure was explained or packed; closed, so that a caller can switch over it. */
export type CoreErrorCode =
  /** An option's value is not one this verb takes. */
  | "option-invalid"
  /** Nothing in the closure says which platform it runs on, or what says it contradicts itself. */
  | "platform-unknown"
  /** The program that is started is for another platform than was asked. */
  | "platform-mismatch"
  /** A file of the user's own may not be read. */
  | "file-unreadable"
  /** A file of the user's own may not be written, or writing it fails. */
  | "file-unwritable"
  /** Two sources want different things at one place of the image. */
  | "place-clash"
  /** Something asked for is in neither the closure nor the store. */
  | "not-found"
  /** A budget file is not JSON with comments, or has a rule that there is not. */
  | "budget-invalid"
  /** A plan or a history is not one, or does not fit the closure. */
  | "plan-invalid"
  /** The digest cache's folder cannot be read or written. */
  | "cache-unusable"
  /** A worker thread ended without an answer. */
  | "worker-failed"
  /** An engine that images are loaded into is not installed or not running, or may not be spoken to. */
  | "engine-missing"
  /** An engine refuses an image, or breaks off. */
  | "engine-failed"
  /** A program that keeps a registry's credentials cannot be run, or does not give them. */
  | "helper-failed";

/** An error of `@stowage/core`: what (message), which path, why (cause), and what to do next (hint). */
export class CoreError extends Error {
  override readonly name = "CoreError";
  readonly code: CoreErrorCode;
  /** What the user can do about it, one sentence. */
  readonly hint: string | undefined;
  /** The file, path or option that the error is about. */
  readonly path: string | undefined;

  constructor(
    code: CoreErrorCode,
    message: string,
    options: { hint?: string | undefined; path?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.path = options.path;
  }
}
