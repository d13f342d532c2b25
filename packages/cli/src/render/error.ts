import { terminalSafe } from "./terminal-safe.ts";

/**
 * An error for people: what, which path and why in one line, what to do next in a second.
 * @param verbosity 2 and more adds the stack and its causes
 */
export function renderError(error: unknown, verbosity: number): string {
  if (!(error instanceof Error)) return `stowage: ${terminalSafe(String(error))}\n`;
  const hint = "hint" in error && typeof error.hint === "string" ? error.hint : undefined;
  const lines = [`stowage: ${terminalSafe(error.message)}`];
  if (hint !== undefined) lines.push(`  ${terminalSafe(hint)}`);
  if (verbosity >= 2) lines.push(...stacks(error));
  return `${lines.join("\n")}\n`;
}

function stacks(error: Error): string[] {
  const own = (error.stack ?? "").split("\n").slice(1).map(terminalSafe);
  return error.cause instanceof Error
    ? [...own, `caused by ${terminalSafe(error.cause.message)}`, ...stacks(error.cause)]
    : own;
}
