/** Exit statuses of the command; relied on by scripts. */
export const exitCodes = {
  done: 0,
  /** The answer is no, or there is a finding. */
  finding: 1,
  usage: 2,
  /** The target is wrong: missing, not in the store, invalid, corrupted, cannot be represented. */
  target: 3,
  /** The environment fails: no Nix, daemon down, disk full, permission. */
  environment: 4,
  /** A registry or a binary cache fails. */
  remote: 5,
} as const;

/** The status for each error code of the libraries. */
const byCode: Readonly<Record<string, number>> = {
  "option-invalid": exitCodes.usage,
  "budget-invalid": exitCodes.usage,
  "plan-invalid": exitCodes.usage,
  "platform-unknown": exitCodes.usage,
  "platform-mismatch": exitCodes.usage,
  "place-clash": exitCodes.usage,
  "image-invalid": exitCodes.usage,
  "output-unusable": exitCodes.usage,
  "store-unsupported": exitCodes.usage,
  "target-empty": exitCodes.target,
  "target-missing": exitCodes.target,
  "target-not-in-store": exitCodes.target,
  "target-is-derivation": exitCodes.target,
  "path-invalid": exitCodes.target,
  "path-corrupted": exitCodes.target,
  "tree-invalid": exitCodes.target,
  "format-invalid": exitCodes.target,
  "entry-unrepresentable": exitCodes.target,
  "layer-inconsistent": exitCodes.target,
  "image-corrupted": exitCodes.target,
  "image-missing": exitCodes.target,
  "image-unreadable": exitCodes.environment,
  "tar-truncated": exitCodes.target,
  "tar-end": exitCodes.target,
  "tar-trailing-data": exitCodes.target,
  "tar-checksum": exitCodes.target,
  "tar-header": exitCodes.target,
  "tar-number": exitCodes.target,
  "tar-type": exitCodes.target,
  "tar-extension": exitCodes.target,
  "tar-too-large": exitCodes.target,
  "not-found": exitCodes.target,
  "registry-unreachable": exitCodes.remote,
  "registry-denied": exitCodes.remote,
  "registry-forbidden": exitCodes.remote,
  "registry-missing": exitCodes.remote,
  "registry-failed": exitCodes.remote,
  "engine-missing": exitCodes.environment,
  "engine-failed": exitCodes.environment,
  "cache-failed": exitCodes.remote,
  "cache-corrupted": exitCodes.remote,
  "cache-unsupported": exitCodes.remote,
  "cache-untrusted": exitCodes.remote,
  "nar-replaced": exitCodes.remote,
  "spool-failed": exitCodes.environment,
  "file-unwritable": exitCodes.environment,
  "stdout-failed": exitCodes.environment,
  // NARs come from binary caches.
  "nar-invalid": exitCodes.remote,
};

/** The exit status an error stands for; whatever nobody foresaw counts as a failing environment. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interruption) return error.exitCode;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return byCode[code] ?? exitCodes.environment;
}

/** A signal asked the command to stop. */
export class Interruption extends Error {
  override readonly name = "Interruption";
  readonly exitCode: number;

  constructor(signal: "SIGINT" | "SIGTERM" | "SIGHUP") {
    super(`stopped by ${signal}`);
    this.exitCode = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal];
  }
}
