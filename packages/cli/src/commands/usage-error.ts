/** Words on the command line that cannot be meant. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** The code that the libraries have for the same kind of mistake. */
  readonly code = "option-invalid";
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
