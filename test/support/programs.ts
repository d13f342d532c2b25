import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Whether a program is on PATH. */
export function hasProgram(name: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Whether tests that need real programs can run here. Where one is missing they are skipped, with a word on stderr;
 * in CI a missing program is an error.
 */
export function requirePrograms(...names: string[]): boolean {
  const missing = names.filter((name) => !hasProgram(name));
  if (missing.length === 0) return true;
  const message = `not installed: ${missing.join(", ")}`;
  if (process.env["CI"]) throw new Error(`${message}; in CI every part must be there`);
  process.stderr.write(`skipped tests, ${message}\n`);
  return false;
}
