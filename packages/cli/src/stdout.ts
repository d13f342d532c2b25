/** What was to be said on stdout and could not be: its disk is full, its device fails. */
export class StdoutFailure extends Error {
  override readonly name = "StdoutFailure";
  readonly code = "stdout-failed";
  readonly hint = "Free some space there, or let it go elsewhere.";

  constructor(cause: Error) {
    super(`cannot write to stdout: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * Writes to stdout. Resolves when all is written, also when the reader has had enough (`stowage … | head`), which is no
 * failure.
 * @throws StdoutFailure
 */
export function printAll(text: string): Promise<void> {
  const { stdout } = process;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // The write's own callback tells of a failure; without a listener the same error would end the process.
  if (stdout.listenerCount("error") === 0) stdout.on("error", () => {});
  stdout.write(text, (error) =>
    error && !isClosedPipe(error) ? reject(new StdoutFailure(error)) : resolve(),
  );
  return promise;
}

/** A message that nobody can be told is lost, and ends nothing. */
export function letStderrFail(): void {
  process.stderr.on("error", () => {});
}

function isClosedPipe(error: Error): boolean {
  return "code" in error && (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED");
}

/** The words in Node's `ENOSPC: no space left on device, write`; others as they are. */
function reasonOf({ message }: Error): string {
  return /^[A-Z0-9]+: (.*), \w+$/.exec(message)?.[1] ?? message;
}
